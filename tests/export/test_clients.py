"""The clients of docs/clients, run as a user runs them, find what the toolkit finds."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from light_models import saved_small
from PIL import Image

from detect.export.export_run import export
from detect.inference.loading import load

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]

CLIENTS = Path(__file__).parents[2] / "docs" / "clients"
SIDE = 72
# What a client in C++ is compiled with: a variable that names the folder of the headers, which no Python package has;
# a Python package that has the library; the library in it; and its name for programs.
LIBRARIES = {
    "onnx": ("ONNXRUNTIME_INCLUDE", "onnxruntime", "capi/libonnxruntime.so.*", "libonnxruntime.so.1"),
    "litert": ("LITERT_INCLUDE", "ai_edge_litert", "libLiteRt.so", "libLiteRt.so"),
}
SUFFIXES = {"onnx": "onnx", "litert": "tflite"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder with the exports that there are clients for."""
    folder = saved_small(tmp_path_factory.mktemp("clients") / "model", image_size=SIDE)
    for format in LIBRARIES:
        export(folder, format)
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A picture that fits the model without being resized, so that all clients see the same."""
    path = tmp_path_factory.mktemp("pictures") / "noise.ppm"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, SIDE, 3), np.uint8)).save(path)
    return path


def check_found(lines: list[list[str]], folder: Path, picture: Path, names: bool) -> None:
    (expected,) = load(folder).predict(str(picture), 1e-4)
    assert len(lines) == len(expected) > 50
    assert [line[0] for line in lines] == list(expected.names if names else map(str, expected.labels))
    np.testing.assert_allclose([float(line[1]) for line in lines], expected.scores, atol=1e-4)
    boxes = np.clip([list(map(float, line[2:])) for line in lines], 0, [SIDE, 64, SIDE, 64])
    np.testing.assert_allclose(boxes, expected.boxes, atol=0.02)


def test_python_without_tensorflow(folder, picture, tmp_path):
    program = (CLIENTS / "onnx_client.py").read_text() + "\n    assert 'tensorflow' not in sys.modules\n"
    (tmp_path / "client.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "client.py", folder / "exports" / "onnx", picture, "0.0001"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    check_found([line.split() for line in done.stdout.splitlines()], folder, picture, names=True)


@pytest.mark.parametrize("format", LIBRARIES)
def test_cpp(folder, picture, format, tmp_path):
    variable, package, pattern, name = LIBRARIES[format]
    if variable not in os.environ or shutil.which("g++") is None:
        pytest.skip(f"needs g++, and the headers of {package} in the folder that {variable} names")
    [library] = Path(find_spec(package).origin).parent.glob(pattern)
    for link in {name, f"{name.split('.so')[0]}.so"}:
        (tmp_path / link).symlink_to(library)
    program = tmp_path / "client"
    words = ["-std=c++17", "-Wall", "-Werror", CLIENTS / f"{format}.cpp", "-I", os.environ[variable], "-L", tmp_path]
    link = f"-l{name.split('.so')[0].removeprefix('lib')}"
    subprocess.run(["g++", *words, link, f"-Wl,-rpath,{tmp_path}", "-o", program], check=True)
    model = folder / "exports" / format / f"{SIDE}x{SIDE}.{SUFFIXES[format]}"
    done = subprocess.run([program, model, str(SIDE), picture, "0.0001"], capture_output=True, text=True, check=True)
    check_found([line.split() for line in done.stdout.splitlines()], folder, picture, names=False)
    broken = subprocess.run([program, model, str(SIDE), model], capture_output=True, text=True)
    assert broken.returncode == 1
    assert "expected a binary PPM file" in broken.stderr
