"""Fixtures that several test files use."""

import ctypes
import dataclasses
import functools
import gc
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from browser import Windows, launched
from torch_writing import archive

from detect.cli.starting import GARBAGE_THRESHOLD, unused_packages_hidden

if TYPE_CHECKING:  # so that one broken import does not stop every test
    from detect.weights.checkpoint import Checkpoint

# Downloads end at a proxy that does not answer, in the processes that tests start too.
os.environ.update(http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1,localhost")
# What a test has freed is kept for the next one. Returned to the system, it would have to be asked for again: a tenth
# of the time. The C library of the processes that are started from here reads it.
os.environ.update(MALLOC_MMAP_THRESHOLD_=str(2**30), MALLOC_TRIM_THRESHOLD_=str(2**30))
# Two logical devices stand for two GPUs where distribution is tested.
DEVICES = 2
PUBLISHED_CONFIG = {"width": 0.0625, "depth": 0.0, "prior": 0.02}  # `prior` differs from that of the row
CONTRACT = "tests/models/test_contract.py"  # its tests share two models per family: one worker runs those of a family


def pytest_configure(config):
    """Start TensorFlow where tests run, which is not in the process that gives them to workers."""
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        start_tensorflow()


def start_tensorflow() -> None:
    """Import TensorFlow, with the logical devices, which must exist before its first operation."""
    with unused_packages_hidden():
        import tensorflow as tf

    devices = [tf.config.LogicalDeviceConfiguration() for _ in range(DEVICES)]
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)  # as in the command: a third of the time of tracing otherwise


def pytest_collection_modifyitems(config, items):
    """Begin with the files that have slow tests, so that at the end no worker waits long for the other."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each file to the next worker that is free: its tests share fixtures and compiled functions."""
    from measuring.first_models import FIRST
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            if file == CONTRACT:
                return next((f"{file}::{name}" for name in FIRST if name in test), file)
            return file

    config.option.loadscopereorder = False  # the order is that of pytest_collection_modifyitems
    return Scheduler(config, log)


@pytest.fixture(scope="session", autouse=True)
def _cache_of_tests(tmp_path_factory):
    """Keep what tests cache out of the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DETECT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder with parts of public datasets; its README says what they are."""
    return Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def chromium():
    """A browser without a window. It ends with the module, because Playwright keeps a loop of asyncio running."""
    with launched() as browser:
        yield browser


@pytest.fixture
def windows(chromium):
    """Pages that a test opens; in the end none of them may have complained."""
    opened = Windows(chromium)
    yield opened
    for context in chromium.contexts:
        context.close()
    assert not opened.complaints


@pytest.fixture
def tiny_disk(tmp_path):
    """A folder with room for 64 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def permissions_bind():
    """Take the right from the superuser, as whom tests run in containers, to read and write whatever there is."""
    if os.geteuid():
        yield
        return
    overriding = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, see `man capabilities`
    library = ctypes.CDLL(None)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if sys.platform != "linux" or library.capget(header, sets):
        pytest.skip("needs the capabilities of Linux, or another user")
    before = sets[0]
    sets[0] = before & ~overriding
    library.capset(header, sets)
    yield
    sets[0] = before
    library.capset(header, sets)


@pytest.fixture(scope="module")
def opened_once():
    """Open each model once for all exports of a module, and trace it once for their comparisons with it."""
    from detect.export import export_run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("open_model", "TensorFlowBackEnd"):
            patch.setattr(export_run, name, functools.cache(getattr(export_run, name)))
        yield


@pytest.fixture
def two_replicas():
    """Return the strategy of two devices, to distribute a model over."""
    from detect.training.workers.distribution import create_strategy

    return create_strategy("mirrored")


@pytest.fixture(scope="session")
def recorded_state() -> Callable[[dict[str, list[int]]], dict[str, np.ndarray]]:
    """Return a function from names and shapes to the weights of torchvision's model when its outputs were recorded."""

    def draw(shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
        random = np.random.RandomState(0)  # NumPy promises never to change its numbers
        state = {}
        for name, shape in shapes.items():
            if name.endswith("running_var"):
                values = random.uniform(0.5, 1.5, shape)
            elif len(shape) == 4:
                values = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
            elif name.endswith("weight"):
                values = random.uniform(0.5, 1, shape)
            else:
                values = random.standard_normal(shape) * 0.1
            state[name] = values.astype(np.float32)
        return state

    return draw


class Published(NamedTuple):
    """A checkpoint that takes the place of a published one."""

    checkpoint: "Checkpoint"
    file: Path  # a copy, not where downloads are kept
    cache: Path  # the folder of downloads, empty
    state: dict[str, np.ndarray]  # the tensors in the file


@pytest.fixture(scope="session")
def published_state() -> dict[str, np.ndarray]:
    """Return the weights of a tiny YOLOX with three classes, under the names that its authors use."""
    from detect import models
    from detect.weights import megvii_yolox, tensors

    from_ours = {
        tensors.kernel: lambda array: array.transpose(3, 2, 0, 1),
        tensors.unchanged: lambda array: array,
    }
    detector = models.create("yolox-micro", 3, **PUBLISHED_CONFIG)
    state = {
        target.name: from_ours[target.convert](target.variable.numpy()) for target in megvii_yolox.targets(detector)
    }
    return {**state, "backbone.backbone.stem.conv.bn.num_batches_tracked": np.array(7)}


@pytest.fixture
def published(published_state, tmp_path, monkeypatch) -> Published:
    """Add a checkpoint, `yolox-micro-coco`, as if YOLOX's authors had published it.

    Its file is one of PyTorch, at an address where no server answers. The cache folder is empty.
    """
    from detect.weights import megvii_yolox

    file, cache = tmp_path / "published" / "yolox_micro.pth", tmp_path / "cache"
    file.parent.mkdir()
    file.write_bytes(archive({"start_epoch": 300, "model": published_state}))
    checkpoint = dataclasses.replace(
        megvii_yolox.CHECKPOINTS[0],
        name="yolox-micro-coco",
        model="yolox-micro",
        address="http://127.0.0.1:9/yolox_micro.pth",
        digest=hashlib.sha256(file.read_bytes()).hexdigest(),
        image_size=64,
        classes=("person", "bicycle", "car"),
        category_ids=(1, 2, 3),
        config=PUBLISHED_CONFIG,
    )
    monkeypatch.setattr(megvii_yolox, "CHECKPOINTS", (*megvii_yolox.CHECKPOINTS, checkpoint))
    monkeypatch.setenv("DETECT_CACHE", str(cache))
    return Published(checkpoint, file, cache, published_state)
