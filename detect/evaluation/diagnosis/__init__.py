"""What explains the scores of a detector: what it misses, which boxes are wrong and why, and what that costs."""
