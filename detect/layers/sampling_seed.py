"""Randomness in the forward pass of a training that a resumed run repeats to the bit."""

import keras


class SamplingSeed(keras.random.SeedGenerator):
    """Seeds for stateless random operations, int64 [2], another one at every call of `next`.

    The count of calls is part of the `variables` of the model that has this as an attribute, so checkpoints of a
    training keep it, and not of its `weights`, so saved models do not. Keras' own generators cannot count within a
    replica of a strategy; here every replica counts for itself, and all come to the same.
    """

    def __init__(self):
        super().__init__(seed=0)
        self.state = keras.Variable(
            [0, 0],
            dtype="int64",  # TensorFlow keeps int32 variables in the host's memory, out of reach of a step on a GPU
            trainable=False,
            synchronization="on_read",
            aggregation="only_first_replica",
            name="sampling_seed",
        )
