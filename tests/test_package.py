"""`import detect` is instant, and its public names are found when they are first used."""

import importlib
import subprocess
import sys

import pytest

import detect
from detect.data.shapes import write_shapes
from detect.errors import BadInput

SLOW_IMPORTS = ("tensorflow", "keras", "albumentations", "cv2", "matplotlib", "pycocotools", "av", "pydantic", "numpy")


def test_importing_the_package_imports_nothing_slow():
    code = f"import sys, detect; print([name for name in {SLOW_IMPORTS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_exists():
    for name in detect.__all__:
        assert getattr(detect, name) is not None
    assert set(detect.__all__) <= set(dir(detect))


def test_datasets_are_divided_merged_sampled_and_written(tmp_path):
    dataset = detect.open_dataset(write_shapes(tmp_path / "shapes", train=6, val=2, image_size=64))
    seen = []
    divided = detect.divide(dataset, {"val": 0.5}, progress=lambda *counts: seen.append(counts))
    assert {split: len(records) for split, records in divided.splits.items()} == {"train": 4, "val": 4}
    assert seen == [(done, 8) for done in range(1, 9)]
    part = detect.sample(detect.merge([divided], {"square": ""}), images=4)
    written = detect.convert(part, "yolo", tmp_path / "out")
    assert {split: images for split, (images, _) in written.splits.items()} == {"train": 2, "val": 2}
    assert detect.open_dataset(written.folder).classes == part.classes


def test_no_module_takes_the_name_of_a_function():
    functions = [name for name in detect.__all__ if not name.startswith("_")]
    for _ in range(2):  # at the second look, whatever the first one imported is there
        assert [name for name in functions if not callable(getattr(detect, name))] == []


def test_export_is_a_function_whether_or_not_its_package_is_imported(monkeypatch):
    importlib.import_module("detect.export")
    for _ in range(2):
        with pytest.raises(BadInput, match="Unknown format 'no such format'"):
            detect.export("nothing", "no such format")
        monkeypatch.delitem(vars(detect), "export", raising=False)  # as before the first import of the package


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'detect' has no attribute 'trian'"):
        detect.trian  # noqa: B018
