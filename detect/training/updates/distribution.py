"""The devices of a run: one, several of one machine, or those of several machines."""

import json
import os
from collections.abc import Callable

import tensorflow as tf

from detect.errors import BadInput


def create_strategy(name: str) -> tf.distribute.Strategy:
    """Return the strategy for the setting `strategy`: `one`, `mirrored`, `workers`, or `auto` for all devices.

    Several machines are described by the environment variable TF_CONFIG, which differs between them in the index of
    the task only:
    https://www.tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable

    Raises:
        BadInput: TF_CONFIG is not JSON, or names fewer than two workers where `workers` needs them.
    """
    workers = _worker_count()
    if name == "workers" and workers < 2:
        raise BadInput(f"strategy=workers needs TF_CONFIG to name two or more workers; it names {workers}.")
    if name in ("auto", "workers") and workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()  # must come before any other use of TensorFlow
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Return whether this process writes files: the only one, or the first of several workers."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    first = (
        resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict()
    )
    return resolver.task_type == "chief" or first


def chief_values(strategy: tf.distribute.Strategy) -> Callable[..., tuple[float, ...]]:
    """Return a function of some numbers that returns the chief's numbers on every worker.

    Clocks and scores differ between machines; decisions that follow from them must not. All workers must call the
    function together, with equally many numbers.
    """
    if _worker_count() < 2:
        return lambda *values: values
    chief = is_chief(strategy)
    replicas = strategy.num_replicas_in_sync // _worker_count()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)])
    def summed(values: tf.Tensor) -> tf.Tensor:
        return strategy.reduce("sum", strategy.run(tf.identity, args=(values,)), axis=None)

    def of_chief(*values: float) -> tuple[float, ...]:
        own = values if chief else [0.0] * len(values)
        return tuple((summed(tf.constant(own, tf.float64)).numpy() / replicas).tolist())

    return of_chief


def _worker_count() -> int:
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG", "{}")).get("cluster", {})
    except json.JSONDecodeError as error:
        raise BadInput(f"The environment variable TF_CONFIG is not JSON: {error}.") from None
    return len(cluster.get("worker", [])) + len(cluster.get("chief", []))
