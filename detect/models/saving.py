"""A model as a folder: `model.json` (everything needed to rebuild and use it) and `model.weights.h5`."""
