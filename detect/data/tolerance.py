"""The share of a dataset that may be unusable."""

MAX_LOST = 0.1  # of the images, or of the boxes, of a split, 0-1
