"""Fixtures of the tests of readers."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def write_image() -> Callable[..., Path]:
    """Return a function that writes a grey image of the given size, and its folders; the format follows the name."""

    def write(path: Path, width: int = 64, height: int = 48, level: int = 128) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(path.suffix, np.full((height, width, 3), level, np.uint8))
        path.write_bytes(data.tobytes())  # OpenCV's imwrite fails on non-ASCII paths on Windows
        return path

    return write


@pytest.fixture
def listings(tmp_path) -> Iterator[Counter[str]]:  # `tmp_path`, so that its removal is not counted
    """The number of times that each folder has been listed since the test began."""
    counts: Counter[str] = Counter()
    scandir = os.scandir

    def counted(path="."):
        counts[os.fspath(path)] += 1
        return scandir(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", counted)
        yield counts
