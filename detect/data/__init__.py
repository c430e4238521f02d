"""Datasets: read, checked, augmented and made into batches. This room does not know the models."""
