"""Training on several machines, which are processes on the loopback interface."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detect.data.shapes import write_shapes
from detect.training.run_folder import RunFolder

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
NAME = "NormalizedDetector"
WORKER = """
from detect.cli.starting import start_tensorflow

start_tensorflow()
import json, os, sys
import numpy as np
import detect
from detect.training import assembly

settings, weights, step_of_signal, signal = json.loads(sys.argv[1])
made, step = [], assembly.TrainingStep


class Step(step):
    def __call__(self, *arguments):
        made.append(self)
        if len(made) == step_of_signal:
            os.kill(os.getpid(), signal)
        return super().__call__(*arguments)


assembly.TrainingStep = Step
try:
    detect.train(**settings)
except (detect.errors.DetectError, KeyboardInterrupt) as error:
    print(error)
    sys.exit(error.exit_code)
np.save(weights, made[-1].average.average.numpy())
"""
# SGD, because AdamW enlarges differences of rounding where a gradient is nearly 0.
SETTINGS = {
    "model": f"{TESTS / 'normalized_detector.py'}:{NAME}",
    "image_size": 64,
    "validations": 2,
    "optimizer": {"name": "sgd", "learning_rate": 0.01},
}


@pytest.mark.parametrize(
    ("count", "epochs"),
    [
        (2, 2),
        *(pytest.param(count, 25, marks=pytest.mark.long) for count in (2, 3)),
    ],
)
def test_workers_train_like_one_process_with_their_images_and_the_first_writes(count, epochs, tmp_path):
    """They have no common folder: neither for runs nor for data."""
    images = 4 * count  # two steps an epoch, of two images a worker
    ends = train(tmp_path, count, images, epochs=epochs, batch_size=2)
    assert [code for code, _ in ends] == [0] * count, ends
    assert [(tmp_path / f"runs_{index}").exists() for index in range(count)] == [True, *[False] * (count - 1)]
    folder = RunFolder(tmp_path / "runs_0" / NAME)
    found = validations(folder)
    assert list(found) == [epochs, 2 * epochs]
    assert folder.best.is_dir()

    ((code, output),) = train(tmp_path / "alone", 1, images, epochs=epochs, batch_size=2 * count)
    assert code == 0, output
    alone = np.load(tmp_path / "alone" / "weights_0.npy")
    for index in range(count):
        np.testing.assert_allclose(np.load(tmp_path / f"weights_{index}.npy"), alone, rtol=1e-5, atol=1e-5)
    assert found == pytest.approx(validations(RunFolder(tmp_path / "alone" / "runs_0" / NAME)), abs=1e-5)


def validations(folder: RunFolder) -> dict[int, float]:
    """Return the AP of each validation of a run, by its step."""
    rows = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    return {row["step"]: row["AP"] for row in rows if row["kind"] == "val"}


@pytest.mark.long
def test_a_lost_worker_is_named_and_the_run_goes_on_with_other_numbers_of_workers(tmp_path):
    given = {"images": 12, "epochs": 4, "name": "run", "checkpoint_seconds": 0}
    folder, runs, kept = tmp_path / "both", tmp_path / "both" / "runs_0", tmp_path / "kept"
    (code, output), _ = train(folder, 2, batch_size=3, sent=(1, 5, signal.SIGKILL), **given)
    assert code == 75
    assert "Lost worker 1 (localhost:" in output
    shutil.move(runs, kept)
    train(tmp_path / "alone", 1, batch_size=6, **given)
    for count in (1, 2, 3):
        shutil.copytree(kept, runs)
        ends = train(folder, count, batch_size=3, resume=True, **given)
        assert [code for code, _ in ends] == [0] * count, ends
        found, expected = (np.load(each / "weights_0.npy") for each in (folder, tmp_path / "alone"))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        shutil.rmtree(runs)


@pytest.mark.long
def test_sigterm_to_one_worker_ends_all_with_a_checkpoint(tmp_path):
    ends = train(tmp_path, 2, 12, sent=(1, 5, signal.SIGTERM), batch_size=3, epochs=4, name="run")
    for code, output in ends:
        assert code == 143, output
        assert "SIGTERM: stopped at step 5, which is saved" in output
    with np.load(RunFolder(tmp_path / "runs_0" / "run").checkpoints[0]) as archive:
        assert json.loads(str(archive["header"]))["position"]["step"] == 5


def train(
    folder: Path, count: int, images: int, sent: tuple[int, int, int] = (-1, 0, 0), **settings
) -> list[tuple[int, str]]:
    """Train in processes of their own, each with its own folders.

    Args:
        folder: where the folders, and the weights at the end, are.
        count: number of workers.
        images: to train on.
        sent: number of a worker that gets a signal, its step, and the signal.
        settings: of the run.

    Returns:
        The exit code and the output of each worker.
    """
    addresses = [f"localhost:{port}" for port in free_ports(count)]
    workers = []
    for index in range(count):
        data = folder / f"shapes_{index}"
        if not data.exists():
            write_shapes(data, train=images, val=4, image_size=64)
        given = {**SETTINGS, **settings, "data": str(data), "runs": str(folder / f"runs_{index}")}
        step, number = sent[1:] if index == sent[0] else (0, 0)
        arguments = json.dumps([given, str(folder / f"weights_{index}.npy"), step, number])
        config = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        workers.append(start(arguments, {**os.environ, "TF_CONFIG": config, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}))
    try:
        outputs = [worker.communicate(timeout=900)[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()  # it may wait for one that failed
    return [(worker.returncode, output[-3000:]) for worker, output in zip(workers, outputs, strict=True)]


def start(arguments: str, environment: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
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
