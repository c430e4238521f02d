"""Random choices in the forward pass of training, which a resumed run repeats to the bit."""

import keras


class SamplingSeed(keras.random.SeedGenerator):
    """Seeds for stateless random operations: `next` returns int64 [2], (seed, number of calls before).

    A model makes one with the seed 0, so that it can be used on its own; a training run starts it with the user's seed.

    The state is one of the `variables` of the model that has this as an attribute, so checkpoints of a training run
    keep it, and none of its `weights`, so saved models do not. Keras' own generators cannot count within a replica of
    a strategy; here every replica counts for itself, and all counts are the same.
    """

    def __init__(self, seed: int = 0):
        super().__init__(seed=seed)
        self.state = keras.Variable(
            [seed, 0],
            dtype="int64",  # TensorFlow keeps int32 variables in the host's memory, out of reach of a step on a GPU
            trainable=False,
            synchronization="on_read",
            aggregation="only_first_replica",
            name="sampling_seed",
        )

    def start(self, seed: int) -> None:
        """Begin the sequence of another seed."""
        self.state.assign([seed, 0])
