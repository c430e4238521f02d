"""Batches made of samples by threads or worker processes."""
