"""A model of the user's own: a class in a file outside the package."""

import re
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import detect
from detect import models
from detect.cli.unexplained import explain
from detect.errors import BadInput
from detect.export.cards import exported_card
from detect.models import own_files
from detect.models.card import load_card
from detect.models.licences import Licences
from detect.models.places import model_at, require_model, require_place
from detect.training.model_choice import choose_model
from detect.training.run_folder import new_folder, resumed_folder, write_start
from detect.training.settings import TrainingSettings
from detect.training.start.initial_weights import find_source, start_from

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "own_model.md"
FILE = """
import keras

from detect.layers.composite import Composite
from detect.layers.keras_backbone import KerasBackbone
from detect.models.detector import Variant
from detect.models.fcos import FCOS, Config


class Neck(Composite):
    def __init__(self):
        super().__init__(name="neck")
        self.laterals = [keras.layers.Dense(32, name=f"lateral{stride}") for stride in (8, 16, 32)]

    def call(self, features, training=False):
        return [lateral(level) for lateral, level in zip(self.laterals, features)]


def features():
    features, levels = keras.Input((None, None, 3)), []
    inputs = features
    for stride in (8, 2, 2):
        features = keras.layers.Conv2D(4, stride, stride)(features)
        levels.append(features)
    return keras.Model(inputs, levels)


class Mine(FCOS):
    variant = Variant(Config(filters=32, layers=0), image_size=64)
    strides = (8, 16, 32)

    def create_backbone(self):
        return KerasBackbone(features())

    def create_neck(self):
        return Neck()
"""


@pytest.fixture(scope="module")
def name(tmp_path_factory) -> str:
    """The name of a small model."""
    file = tmp_path_factory.mktemp("own") / "mine.py"
    file.write_text(FILE)
    return f"{file}:Mine"


@pytest.fixture(scope="module")
def detector(name):
    return models.create(name, 2)


@pytest.fixture(scope="module")
def folder(detector, tmp_path_factory) -> Path:
    """The folder of the small model."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    detect.load(detector, classes=["cat", "dog"]).save(folder)
    return folder


@pytest.fixture
def leave(monkeypatch, tmp_path, name):
    """Return a function that goes to another machine: nothing is trusted there, and the file has not been run."""

    def go() -> None:
        monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "cache"))
        for module in [module for module in sys.modules if re.fullmatch(r"mine_[0-9a-f]{16}", module)]:
            monkeypatch.delitem(sys.modules, module)

    return go


def test_a_saved_model_holds_the_file_and_detects_the_same(detector, folder, tmp_path):
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3)), tf.uint8)
    outputs = detector(images)
    assert outputs["logits"].shape == (1, 8 * 12 + 4 * 6 + 2 * 3, 2)
    assert (folder / "mine.py").read_text() == FILE
    saved = detect.load(folder)
    assert repr(saved) == "<Model mine.py:Mine, 2 classes, 64 px>"
    detector.save(tmp_path / "mine.keras")
    for loaded in (saved.backend.detector, keras.saving.load_model(tmp_path / "mine.keras")):
        assert type(loaded) is type(detector)
        for name, output in loaded(images).items():
            np.testing.assert_array_equal(output, outputs[name])


def test_fine_tuning_to_other_classes_keeps_the_other_weights(detector, folder, name):
    larger = models.create(name, 3)
    source, _ = find_source(name, str(folder), {})
    said = start_from(larger, ("cat", "dog", "cow"), str(folder), source).said
    assert f"Weights: {len(larger.weights) - 2} of {len(larger.weights)} tensors" in said
    for new, old in zip(larger.backbone.weights, detector.backbone.weights, strict=True):
        np.testing.assert_array_equal(new, old)
    assert start_from(larger, ("cat", "dog", "cow"), "auto", None).said == "Weights: random."


def test_the_weights_of_an_own_model_say_of_which_model_they_are(folder, name):
    assert model_at(folder) == choose_model("auto", str(folder), {}) == f"{folder / 'mine.py'}:Mine"
    assert choose_model(name, str(folder), {}) == name
    with pytest.raises(BadInput, match=r"is a mine\.py:Mine, not a yolox-s"):
        require_model(folder, "mine.py:Mine", "yolox-s")


def test_the_code_in_a_folder_is_run_only_after_it_has_been_named(folder, tmp_path, leave):
    leave()
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    require_place(copy)
    for use in (detect.load, model_at, lambda path: choose_model("auto", str(path), {})):
        with pytest.raises(BadInput, match=rf"trust it, name it once: detect models {copy}/mine\.py:Mine"):
            use(copy)
    own_files.load_class(f"{copy / 'mine.py'}:Mine")
    assert choose_model("auto", str(copy), {}) == f"{copy / 'mine.py'}:Mine"
    (copy / "mine.py").write_text(f"{FILE}\n# changed")
    with pytest.raises(BadInput, match="Look at it"):
        detect.load(copy)


def test_a_run_is_called_like_the_class_and_goes_on_with_the_same_file_only(name, tmp_path, leave):
    file, _ = own_files.parts(shutil.copy(own_files.parts(name)[0], tmp_path) + ":Mine")
    settings = TrainingSettings(data="d", model=f"{file}:Mine", runs=str(tmp_path / "runs"))
    folder = new_folder(settings)
    assert folder.path.name == "Mine"
    write_start(folder, settings, ("cat",), Licences())
    assert resumed_folder(settings).path == folder.path
    leave()
    with pytest.raises(BadInput, match="trust it, name it once"):
        resumed_folder(settings.model_copy(update={"model": "auto", "name": "Mine"}))
    file.write_text(f"{FILE}\n# changed")
    with pytest.raises(BadInput, match=r"but .*mine\.py differs from its copy .*runs/Mine/mine\.py"):
        resumed_folder(settings)


def test_exports_do_not_need_the_file(detector, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exported_card(detector, load_card(folder), 96, {}).image_size == 96
    with pytest.raises(BadInput, match="expected a multiple of 32, got 100"):
        exported_card(detector, load_card(folder), 100, {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "mine.py cannot be read: No such file"),
        ("class Mine", r"mine\.py is not Python: .*line 1"),
        ("class Mime: pass", r"has no class 'Mine'\. Did you mean 'Mime'"),
        ("class Mine: pass", "is not a detector. Derive it from one"),
        ("from detect.models.fcos import FCOS as Mine\nclass Mine(Mine): pass", "has no `variant`"),
        ("raise SystemExit('Usage')\nclass Mine: pass", r"mine\.py:1: SystemExit: Usage"),
        ("class Mine: pass\nimport no_such_package", r"mine\.py:2: ModuleNotFoundError: .*no_such_package.* one file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content, message, tmp_path):
    if content is not None:
        (tmp_path / "mine.py").write_text(content)
    with pytest.raises(BadInput, match=message):
        models.variant(f"{tmp_path / 'mine.py'}:Mine")


def test_an_error_while_a_model_runs_names_the_line_of_its_file(tmp_path):
    """As of a network that does not fit together; what it calls, such as Keras, is not named."""
    broken = FILE.replace("self.laterals = [keras.layers.Dense(32", "self.laterals = [keras.layers.Dense(-32")
    line = broken[: broken.index("Dense(-32")].count("\n") + 1
    (tmp_path / "mine.py").write_text(broken)
    with pytest.raises(ValueError, match="units") as failure:
        models.create(f"{tmp_path / 'mine.py'}:Mine", 2)
    assert own_files.place_of(failure.value) == f"{tmp_path / 'mine.py'}:{line}"
    first, second = explain(failure.value)
    assert first.startswith(f"{tmp_path / 'mine.py'}:{line}: ValueError: ")
    assert second == "Correct this file; --debug shows the traceback."
    assert own_files.place_of(ValueError("of another file")) == ""


def test_a_class_in_a_notebook_predicts_but_cannot_be_saved(detector, tmp_path, monkeypatch):
    monkeypatch.delattr(sys.modules[__name__], "__file__")
    here = type("Here", (type(detector),), {"__module__": __name__})(detector.config, 2)
    model = detect.load(here, classes=["cat", "dog"])
    assert repr(model) == "<Model Here, 2 classes, 64 px>"
    with pytest.raises(BadInput, match="Here is not defined in a file"):
        model.save(tmp_path / "model")
    here.variant = None
    with pytest.raises(BadInput, match="Give image_size"):
        detect.load(here, classes=["cat", "dog"])


def test_the_file_in_the_guide_is_a_complete_model(tmp_path):
    first, second = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.py").write_text(first)
    (tmp_path / "small.py").write_text(second)
    name = f"{tmp_path / 'mine.py'}:Mine"
    assert models.variant(name).image_size == 320
    assert models.side_limits(name) == (32, 64)
    assert "filters" in models.setting_types(name)
    features = sys.modules[own_files.load_class(name).__module__].features()
    shapes = features.compute_output_shape((1, 320, 320, 3))
    assert [shape[1:3] for shape in shapes] == [(40, 40), (20, 20), (10, 10)]
    assert models.without_weights(f"{tmp_path / 'small.py'}:Small", 2).neck.name == "neck"
