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

from detect.artefacts.export_card import load_export_card
from detect.artefacts.golden_vectors import GOLDEN, read_golden, write_golden
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
    (expected,) = load(folder).predict(str(picture), confidence=1e-4)
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


def test_the_golden_vectors_in_python(folder, tmp_path):
    words = [sys.executable, CLIENTS / "onnx_client.py", folder / "exports" / "onnx", "--check"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "It finds here what it found where it was made.\n"
    words[2] = with_other_scores(folder / "exports" / "onnx", tmp_path / "other")
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f"{SIDE}x{SIDE}: image 1, expected at position 0: class ")


def with_other_scores(exported: Path, copy: Path) -> Path:
    """Return a copy of an export that was made where the second image had other scores."""
    shutil.copytree(exported, copy)
    calls = read_golden(copy, load_export_card(copy).canvases)
    worse = {canvas: call._replace(scores=call.scores * np.float32([[1], [0.9]])) for canvas, call in calls.items()}
    write_golden(copy, worse)
    return copy


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
    check_golden(program, model, tmp_path / "other")


def check_golden(program: Path, model: Path, copy: Path) -> None:
    """The program tells the golden vectors from others, and a whole file from a part of one."""

    def check(path: Path) -> subprocess.CompletedProcess:
        return subprocess.run([program, "--check", path], capture_output=True, text=True)

    for path in model.parent.glob(f"*{model.suffix}"):  # of every canvas
        done = check(path)
        assert (done.returncode, done.stdout) == (0, f"{path.stem} finds here what it found where it was made\n")
    model = with_other_scores(model.parent, copy) / model.name
    done = check(model)
    assert (done.returncode, done.stdout.startswith("image 1, expected at position 0: class ")) == (1, True)
    golden = copy / GOLDEN
    golden.write_bytes(golden.read_bytes()[:-100])
    assert (check(model).returncode, "golden.npz is damaged" in check(model).stderr) == (1, True)
    golden.unlink()
    assert (check(model).returncode, "Export it again" in check(model).stderr) == (1, True)
