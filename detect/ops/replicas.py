"""Sums over the devices that train together."""

import tensorflow as tf


def replica_count() -> int:
    """Return the number of replicas of the running `tf.distribute` strategy; 1 outside of its replicas."""
    replica = tf.distribute.get_replica_context()
    return 1 if replica is None else replica.num_replicas_in_sync


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Return the sum of `value` over all replicas of the running `tf.distribute` strategy."""
    if replica_count() == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)
