"""The parts of a step: batches, the update of the weights, their average, learning rates and checkpoints."""
