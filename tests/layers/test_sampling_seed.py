"""Seeds of a training run: counted, kept by checkpoints, the same on every replica, not saved with a model."""

import keras
import numpy as np
import tensorflow as tf

from detect.layers.sampling_seed import SamplingSeed


class Dice(keras.Model):
    """Draws a random number in training."""

    def __init__(self):
        super().__init__()
        self.seed = SamplingSeed()

    def call(self, inputs, training=False):
        return tf.random.stateless_uniform([], self.seed.next(), 1, 7, tf.int32) if training else inputs


def throw(dice: Dice) -> int:
    return int(dice(tf.zeros([]), training=True))


def test_every_call_gives_another_seed():
    seed = SamplingSeed()
    compiled = tf.function(seed.next, autograph=False)
    assert [list(seeds().numpy()) for seeds in (seed.next, compiled, compiled, seed.next)] == [[0, n] for n in range(4)]


def test_a_model_draws_by_its_seed():
    def throws(*seed: int) -> list[int]:
        dice = Dice()
        for number in seed:
            dice.seed.start(number)
        return [throw(dice) for _ in range(20)]

    assert throws(3) == throws(3) == throws(5, 3)
    assert throws(3) != throws(4)
    assert throws() == throws(0)
    assert list(SamplingSeed(3).next().numpy()) == [3, 0]


def test_checkpoints_have_the_count_and_saved_models_have_not():
    dice = Dice()
    (count,) = dice.variables
    assert dice.weights == []
    throws = [throw(dice) for _ in range(20)]
    assert len(set(throws)) > 1
    count.assign([0, 5])
    assert [throw(dice) for _ in range(15)] == throws[5:]


def test_replicas_count_alike(two_replicas):
    with two_replicas.scope():
        dice = Dice()
    step = tf.function(lambda: two_replicas.run(lambda: dice.seed.next()), autograph=False)
    for number in range(3):
        seeds = two_replicas.experimental_local_results(step())
        np.testing.assert_array_equal(seeds, [[0, number]] * 2)
    (count,) = dice.variables
    np.testing.assert_array_equal(np.asarray(count.value), [0, 3])
    count.value.assign([0, 7])
    np.testing.assert_array_equal(two_replicas.experimental_local_results(step()), [[0, 7]] * 2)
