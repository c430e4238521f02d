"""Run a function as each of several replicas does, one after the other and without devices of their own."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import tensorflow as tf


def in_replicas(function: Callable[[int], Any], count: int = 2) -> list[Any]:
    """Return the results of `function`, which is given the number of its replica, in `count` replicas.

    It runs twice in each: first to learn what the replicas add up, which must not depend on the sums, then with these.
    """
    added: list[list[tf.Tensor]] = []

    def run(replica: int, answer: Callable[[tf.Tensor], tf.Tensor]) -> Any:
        context = SimpleNamespace(
            num_replicas_in_sync=count, replica_id_in_sync_group=replica, all_reduce=lambda _, value: answer(value)
        )
        with mock.patch.object(tf.distribute, "get_replica_context", return_value=context):
            return function(replica)

    for replica in range(count):
        own: list[tf.Tensor] = []
        run(replica, lambda value, own=own: own.append(value) or value)
        added.append(own)
    sums = [tf.add_n(list(values)) for values in zip(*added, strict=True)]
    return [
        run(replica, lambda _, left=left: next(left)) for replica, left in enumerate(iter(sums) for _ in range(count))
    ]
