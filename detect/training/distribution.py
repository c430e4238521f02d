"""Where a run trains: one device, several of one machine, or several machines."""

import json
import os
from collections.abc import Callable

import tensorflow as tf

from detect.errors import BadInput


def create_strategy(name: str) -> tf.distribute.Strategy:
    """The strategy for a setting: `one`, `mirrored`, `workers`, or `auto`, which takes all devices that there are.

    Several machines are described by the environment variable TF_CONFIG, the same on each but for the task's index:
    https://www.tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable
    """
    workers = _worker_count()
    if name == "workers" and workers < 2:
        raise BadInput(f"strategy=workers needs TF_CONFIG to name two or more workers; it names {workers}.")
    if name in ("auto", "workers") and workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()  # before anything else wakes TensorFlow: it insists
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes files: the only one, or the first of several workers."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    first = (
        resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict()
    )
    return resolver.task_type == "chief" or first


def chief_values() -> Callable[[float], float]:
    """A function that gives every worker the chief's number; all workers must call it together.

    Clocks and scores differ between machines; decisions that follow from them must not.
    """
    if _worker_count() < 2:
        return lambda value: value
    strategy = tf.distribute.get_strategy()
    chief = is_chief(strategy)
    replicas = strategy.num_replicas_in_sync // max(_worker_count(), 1)

    @tf.function(input_signature=[tf.TensorSpec((), tf.float64)])
    def summed(value: tf.Tensor) -> tf.Tensor:
        return strategy.reduce("sum", strategy.run(tf.identity, args=(value,)), axis=None)

    return lambda value: float(summed(tf.constant(value if chief else 0.0, tf.float64))) / replicas


def _worker_count() -> int:
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG", "{}")).get("cluster", {})
    except json.JSONDecodeError as error:
        raise BadInput(f"The environment variable TF_CONFIG is not JSON: {error}.") from None
    return len(cluster.get("worker", [])) + len(cluster.get("chief", []))
