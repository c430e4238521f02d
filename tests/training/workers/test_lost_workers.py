"""Errors of TensorFlow when another worker ends, as they were recorded, in one sentence."""

import pytest
import tensorflow as tf

from detect.training.workers.cluster import Cluster
from detect.training.workers.lost_workers import LostWorker, lost_workers_named

TASKS = (("worker", 0), ("worker", 1), ("worker", 2))
CLUSTER = Cluster(("a:1", "b:2", "c:3"), 0, TASKS)
NO_HEARTBEAT = """Collective ops is aborted by: Error reported from /job:worker/task:1: The following tasks are
unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed. [[{{node CollectiveReduceV2}}]] [Op:__inference_f_29]"""
SOCKET_CLOSED = """Collective ops is aborted by: Socket closed
Additional GRPC error information from remote target /job:worker/replica:0/task:0 while calling
/tensorflow.WorkerService/RecvBuf:"""


def raised(text: str, cluster: Cluster, kind=tf.errors.UnavailableError) -> Exception:
    with pytest.raises(tf.errors.OpError if len(cluster.addresses) == 1 else LostWorker) as error:  # noqa: SIM117
        with lost_workers_named(cluster):
            raise kind(None, None, text)
    return error.value


@pytest.mark.parametrize(
    ("text", "index", "named"),
    [
        (NO_HEARTBEAT, 0, "Lost worker 1 (b:2)"),
        (SOCKET_CLOSED, 2, "Lost worker 0 (a:1)"),
        (SOCKET_CLOSED, 0, "Lost another worker"),  # it names this one
        ("no task at all", 0, "Lost another worker"),
        ("/job:ps/task:1 and /job:worker/task:7", 0, "Lost another worker"),
    ],
)
def test_the_lost_worker_is_named(text, index, named):
    error = raised(text, Cluster(CLUSTER.addresses, index, TASKS))
    assert str(error).startswith(f"{named}: it has ended or cannot be reached. Start the same command with --resume")
    assert error.exit_code == 75


def test_a_single_process_has_lost_nobody():
    assert not isinstance(raised(NO_HEARTBEAT, Cluster()), LostWorker)


def test_other_errors_stay_as_they_are():
    with pytest.raises(tf.errors.InvalidArgumentError), lost_workers_named(CLUSTER):
        raise tf.errors.InvalidArgumentError(None, None, SOCKET_CLOSED)
