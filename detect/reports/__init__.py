"""Pages about runs, models and datasets, which open from a file in any browser."""
