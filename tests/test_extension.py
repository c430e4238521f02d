"""What is added as one new file, in a copy of the package in which nothing else is edited."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

PACKAGE = Path(__file__).parents[1] / "detect"

LINES_READER = '''
"""A list of boxes: on each line an image, a class and four numbers."""

from detect.data.readers.annotations import Annotations
from detect.data.readers.assembling import assemble
from detect.data.readers.reader import DatasetFile, Reader
from detect.data.readers.text_files import read_lines


def read_boxes(path):
    lines = [line.split() for line in read_lines(path)]
    classes = tuple(sorted({name for _, name, *_ in lines}))
    found = Annotations(str(path), lambda row: f"{path}:{row + 1}", lambda number: f"{path}:{number + 1}")
    for row, (image, name, *box) in enumerate(lines):
        found.add_image(str(path.parent / image), row + 1)
        found.add_box(row, tuple(map(float, box)), classes.index(name))
    return assemble(path, "list of boxes", classes, tuple(range(len(classes))), {"train": found}, [])


READER = Reader(files=(DatasetFile("a list of boxes", (".boxes",), "six words per line", lambda _: True, read_boxes),))
'''


class Copy:
    """A copy of the package, for files to be added to.

    Attributes:
        folder: the folder that the package lies in, where its commands run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(PACKAGE, folder / "detect", ignore=shutil.ignore_patterns("__pycache__"))

    def add(self, name: str, text: str) -> None:
        """Write a new file of the package, such as `formats/echo.py`."""
        path = self.folder / "detect" / name
        assert not path.exists()
        path.write_text(text, encoding="utf-8")

    def python(self, program: str) -> str:
        """Run a program that imports the package, and return what it printed."""
        return self._run("-c", program, check=True).stdout

    def detect(self, *words: str | Path) -> str:
        """Run the `detect` command, and return what it printed, errors included."""
        done = self._run("-m", "detect", *words)
        return done.stdout + done.stderr

    def _run(self, *words: str | Path, check: bool = False) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"}
        command = [sys.executable, *map(str, words)]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=check)


@pytest.fixture
def copy(tmp_path) -> Copy:
    return Copy(tmp_path)


def test_a_dataset_format_is_checked(copy, tmp_path):
    copy.add("data/readers/lines.py", LINES_READER)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "birds.boxes").write_text("a.png robin 4 4 20 20\nb.png wren 0 0 200 10\n")
    said = copy.detect("data", "check", tmp_path / "birds.boxes")
    assert "birds.boxes: list of boxes, classes: 2" in said
    assert "box past the frame: 1 (clipped)" in said
    assert "birds.boxes:2: x 0..200" in " ".join(said.split())
    assert "a list of boxes" in copy.detect("data", "check", "nowhere")
