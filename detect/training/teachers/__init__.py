"""Trained models that annotate images for a run."""
