"""Training on two machines, which are two processes on the loopback interface."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from light_models import SMALL

from detect.data.shapes import write_shapes
from detect.training.run_folder import RunFolder

pytestmark = pytest.mark.slow

WORKER = """
import detect, numpy as np
from detect.training import assembly

step = assembly.TrainingStep
made = []
assembly.TrainingStep = lambda *parts: made.append(step(*parts)) or made[-1]
detect.train({data!r}, {model!r}, epochs=2, image_size=64, batch_size=2, runs={runs!r}, validations=2)
np.save({weights!r}, made[0].average.average.numpy())
"""


def test_two_workers_end_with_the_same_weights_and_the_first_writes(tmp_path):
    data = [write_shapes(tmp_path / f"shapes_{index}", train=8, val=4, image_size=64) for index in range(2)]
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    weights = [tmp_path / f"weights_{index}.npy" for index in range(2)]
    workers = []
    for index in range(2):
        places = {"data": str(data[index]), "runs": str(tmp_path / f"runs_{index}"), "weights": str(weights[index])}
        script = WORKER.format(model=SMALL, **places)
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        workers.append(start(script, {**os.environ, "TF_CONFIG": config}))
    try:
        for worker in workers:
            output = worker.communicate(timeout=300)[0]
            assert worker.returncode == 0, output[-3000:]
    finally:
        for worker in workers:
            worker.kill()  # it may wait for one that failed
    first, second = map(np.load, weights)
    np.testing.assert_allclose(first, second, rtol=1e-6)
    assert not (tmp_path / "runs_1").exists()
    folder = RunFolder(tmp_path / "runs_0" / "SmallDetector")
    rows = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "val"] == [2, 4]  # 2 epochs of 8 images, 4 images a step
    assert folder.best.is_dir()


def start(script: str, environment: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that no process uses."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
