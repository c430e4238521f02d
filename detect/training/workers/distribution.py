"""The devices of a run: one, several of one machine, or those of several machines."""

import functools

import tensorflow as tf

from detect.errors import BadInput
from detect.training.workers.cluster import VARIABLE, Cluster, read_cluster


def create_strategy(name: str) -> tf.distribute.Strategy:
    """Return the strategy for the setting `strategy`: `one`, `mirrored`, `workers`, or `auto` for all devices.

    With several workers, it waits until all of them are there.

    Raises:
        BadInput: TF_CONFIG cannot be read, or names fewer than two workers where `workers` needs them.
    """
    cluster = read_cluster()
    workers = len(cluster.addresses)
    if name == "workers" and workers < 2:
        raise BadInput(f"strategy=workers needs the environment variable {VARIABLE} to name two or more workers.")
    if name in ("auto", "workers") and workers > 1:
        return _of_workers(cluster)
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        devices = gpus or tf.config.list_logical_devices("CPU")
        return _of_devices(tuple(device.name for device in devices))
    return tf.distribute.get_strategy()


# Of each, there is one in a process: two strategies would give their sums the same numbers, and TensorFlow takes sums
# of one number for the same, which fails where their shapes differ.


@functools.cache
def _of_workers(cluster: Cluster) -> tf.distribute.Strategy:
    return tf.distribute.MultiWorkerMirroredStrategy()  # must come before any other use of TensorFlow


@functools.cache
def _of_devices(names: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(names)
