"""Make datasets of datasets: convert, divide, merge and sample them."""
