"""TF_CONFIG: who trains, who is the chief, and which of them this process is."""

import json

import pytest

from detect.errors import BadInput
from detect.training.workers.cluster import Cluster, read_cluster


def config(cluster, kind="worker", index=0):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize("text", [None, "", "{}", config({"worker": ["a:1"]})])
def test_fewer_than_two_workers_are_a_single_process(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert read_cluster() == Cluster()
    assert read_cluster().is_chief


def test_the_first_worker_is_the_chief(monkeypatch):
    found = []
    for index in range(2):
        monkeypatch.setenv("TF_CONFIG", config({"worker": ["a:1", "b:2"]}, index=index))
        found.append(read_cluster())
    tasks = (("worker", 0), ("worker", 1))
    assert found == [Cluster(("a:1", "b:2"), 0, tasks), Cluster(("a:1", "b:2"), 1, tasks)]
    assert [cluster.is_chief for cluster in found] == [True, False]
    assert found[0].name(1) == "worker 1 (b:2)"


def test_a_task_of_the_type_chief_comes_before_the_workers(monkeypatch):
    jobs = {"worker": ["a:1"], "chief": ["c:3"]}
    monkeypatch.setenv("TF_CONFIG", config(jobs, "worker", 0))
    assert read_cluster() == Cluster(("c:3", "a:1"), 1, (("chief", 0), ("worker", 0)))
    assert (read_cluster().place("worker", 0), read_cluster().place("worker", 1)) == (1, None)
    monkeypatch.setenv("TF_CONFIG", config(jobs, "chief", 0))
    assert read_cluster().is_chief


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        (config({"worker": 2}), "cannot be read"),
        (config({"worker": ["a:1", "b:2"]}, index="x"), "cannot be read"),
        (config({"worker": ["a:1", "b:2"]}, index=2), "a task among worker 0, worker 1, got worker 2"),
        (config({"worker": ["a:1", "b:2"]}, "evaluator"), "got evaluator 0"),
    ],
)
def test_what_cannot_be_read_is_named(text, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(BadInput, match=message):
        read_cluster()
