"""How much of a dataset may be unusable."""

MAX_LOST = 0.1  # share of the images, or of the boxes, of a split, 0-1
