"""How formats are found, and what each must have."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from detect import formats
from detect.artefacts.format import Format, Precision, missing, unusable
from detect.errors import BadInput

every_format = pytest.mark.parametrize("name", formats.names())


def test_formats_are_the_modules_of_the_folder():
    folder = Path(formats.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert formats.names() == sorted(modules - {"__init__"})
    assert set(formats.names()) >= {"litert", "onnx", "openvino", "savedmodel", "stablehlo"}


def test_an_unknown_format():
    with pytest.raises(BadInput, match=r"Unknown format 'openvno'. Did you mean 'openvino'\? Known: litert, onnx"):
        formats.find("openvno")


@every_format
def test_what_is_said_of_a_format(name):
    format = formats.find(name)
    assert isinstance(format, Format)
    assert format.precisions[0] == "float32"
    assert set(format.precisions) <= set(get_args(Precision))
    assert format.summary
    assert not format.summary.endswith(".")  # the help and the documentation put it into a sentence
    assert not format.int8_with or "int8" in format.precisions


@every_format
def test_sizes_have_paths_of_their_own_or_share_one(name):
    folder, format = Path("export"), formats.find(name)
    sizes = ((64, 96), (96, 64))
    assert len({format.path(folder, size) for size in sizes}) == (2 if "{height}" in format.file else 1)
    assert all(format.path(folder, size).parent == folder for size in sizes)


@pytest.mark.slow
@every_format
def test_every_format_is_read_and_written(name):
    reader, writer = formats.load_reader(name), formats.load_writer(name)
    assert all(map(callable, (reader.open_file, writer.write, writer.label)))


def test_listing_the_formats_imports_none_of_their_packages():
    packages = {package for name in formats.names() for package in formats.find(name).packages("int8")}
    program = (
        "import sys\n"
        "from detect import formats\n"
        "found = [formats.find(name) for name in formats.names()]\n"
        f"print([name for name in {sorted(packages | {'numpy', 'keras', 'pydantic'})!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_packages():
    format = Format("", "model", runs_with=("runtime",), writes_with=("converter",), int8_with=("quantiser",))
    assert format.packages("float32") == format.packages("float16") == ("converter", "runtime")
    assert format.packages("int8") == format.packages("int8-weights") == ("converter", "runtime", "quantiser")
    assert missing(("sys", "no_such_package", "json", "nor_this")) == ["no_such_package", "nor_this"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(RuntimeError("Check failed\n\nFile does not exist. "), "File does not exist"), (ValueError(), "ValueError")],
)
def test_what_a_runtime_says_of_a_file_is_a_sentence(error, reason):
    text = str(unusable(Path("a.onnx"), "ONNX Runtime", error))
    assert text == f"a.onnx cannot be run by ONNX Runtime: {reason}. Copy it again, or export it again."


def test_the_path_of_a_size():
    assert Format("", "{height}x{width}.bin", ()).path(Path("a"), (64, 96)) == Path("a/64x96.bin")
    assert Format("", "1", ()).path(Path("a"), (64, 96)) == Path("a/1")
