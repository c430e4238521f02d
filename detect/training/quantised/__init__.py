"""Training with the rounding of an export in int8: quantisation-aware training."""
