"""What runs a detector."""
