"""Prediction with an export takes a part of the packages: detect/requirements-predict.txt, and the format's runtime."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from light_models import saved_small
from packaging.requirements import Requirement
from PIL import Image

from detect.export.export_run import export

pytestmark = pytest.mark.slow

LIST = Path(__file__).parents[2] / "detect" / "requirements-predict.txt"
# Packages whose names are not those of their modules.
MODULES = {"opencv-python": "cv2", "opencv-python-headless": "cv2", "pillow": "PIL", "PyYAML": "yaml"}


def requirements() -> tuple[set[Requirement], set[Requirement]]:
    """Those of the list, and all that the package asks for."""
    listed = {Requirement(line) for line in LIST.read_text().splitlines() if not line.startswith("#")}
    every = {Requirement(line) for line in metadata.requires("detect-tf") or ()}
    return listed, {each for each in every if "extra" not in str(each.marker)}


def test_the_list_asks_for_the_same_versions():
    listed, every = requirements()
    assert listed < every


def test_prediction_goes_without_the_others(tmp_path):
    listed, every = ({MODULES.get(each.name, each.name) for each in part} for part in requirements())
    refused = every - listed
    assert {"tensorflow", "keras", "albumentations"} <= refused
    export(saved_small(tmp_path / "model"), "litert")
    Image.new("RGB", (40, 30)).save(tmp_path / "photo.png")
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({refused!r}))\n"  # as if they were not installed
        "from detect.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    words = ["predict", "model/exports/litert", "photo.png", "--save-csv", "found.csv"]
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "found.csv").is_file()
    done = subprocess.run([sys.executable, "-c", program, "predict", "model", "photo.png", "--backend", "tensorflow"],
                          cwd=tmp_path, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 2
    assert "needs tensorflow, which is not installed" in done.stderr
