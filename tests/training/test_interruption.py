"""A run that was killed or stopped is resumed as if nothing had happened, with the same bits."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from light_models import SMALL
from measuring.first_models import LIGHTER

import detect
from detect.data.shapes import write_shapes
from detect.training.run_folder import RunFolder
from detect.training.updates.stop_request import Stopped

# 12 steps of 4 images, 3 epochs of 16; a checkpoint every second step, so also in the middle of an epoch.
SETTINGS = {
    "epochs": 3,
    "image_size": 64,
    "batch_size": 4,
    "validations": 6,
    "schedule": {"closing": 0.2},
}
# The last one draws denoising queries in each step.
MODELS = {SMALL: {}, "yolox-micro": {"width": 0.125, "depth": 0}, "deimv2-atto": LIGHTER["deimv2-atto"]}
KILLED_AT = 8  # calls of the step: seven updates were made, six of them are in a checkpoint

pytestmark = pytest.mark.slow

KILLED_RUN = """
import os, signal, sys
from detect.cli.starting import start_tensorflow

start_tensorflow()
import detect
from detect.training.updates.step import TrainingStep

calls, step = 0, TrainingStep.__call__

def deadly(self, *arguments, **options):
    global calls
    calls += 1
    if calls == {killed_at}:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *arguments, **options)

TrainingStep.__call__ = deadly
detect.train({data!r}, {model!r}, name="killed", **{settings!r})
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes"), train=16, val=4, image_size=64)


@pytest.mark.parametrize(
    "model",
    [pytest.param(name, id=Path(name).stem, marks=[] if name == SMALL else pytest.mark.long) for name in MODELS],
)
def test_resume_after_kill_9_gives_the_same_bits(model, data, tmp_path):
    settings = {**SETTINGS, "architecture": MODELS[model], "weights": "none", "runs": str(tmp_path)}
    detect.train(data, model, name="whole", **settings)

    script = KILLED_RUN.format(killed_at=KILLED_AT, data=str(data), model=model, settings=settings)
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert checkpoint(tmp_path / "killed")["step"] == 6

    detect.train(data, model, name="killed", resume=True, **settings)
    require_same(checkpoint(tmp_path / "killed"), checkpoint(tmp_path / "whole"))
    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "whole")


class Terminated(detect.TrainingCallback):
    """Sends SIGTERM in the middle of an epoch, after a step without a checkpoint."""

    def on_step(self, progress, losses, learning_rate):
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)


def test_resume_after_sigterm_gives_the_same_bits(data, tmp_path):
    settings = {**SETTINGS, "weights": "none", "runs": str(tmp_path)}
    whole = detect.train(data, SMALL, name="whole", **settings)
    with pytest.raises(Stopped, match="which is saved"):
        detect.train(data, SMALL, name="stopped", callbacks=[Terminated()], **settings)
    assert checkpoint(tmp_path / "stopped")["step"] > 4
    stopped = detect.train(data, SMALL, name="stopped", resume=True, **settings)
    require_same(checkpoint(stopped.folder), checkpoint(whole.folder))
    assert steps_of(stopped.folder) == steps_of(whole.folder)


def require_same(resumed: dict, whole: dict) -> None:
    assert resumed.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


def checkpoint(folder: Path) -> dict:
    """Return all variables of the last checkpoint, and its step."""
    with np.load(RunFolder(folder).checkpoints[0]) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "header"}
        return {**arrays, "step": json.loads(str(archive["header"]))["position"]["step"]}


def steps_of(folder: Path) -> list[int]:
    """Return the steps at which the run was validated, from its journal."""
    rows = [json.loads(line) for line in RunFolder(folder).metrics.read_text().splitlines()]
    return [row["step"] for row in rows if row["kind"] == "val"]
