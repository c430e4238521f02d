"""Import of checkpoints that other projects publish into our models."""
