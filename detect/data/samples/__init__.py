"""Training samples: cached images, augmented and mixed."""
