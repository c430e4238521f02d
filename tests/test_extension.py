"""What is added as one new file, in a copy of the package in which nothing else is edited."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from light_models import saved_small

PACKAGE = Path(__file__).parents[1] / "detect"

LINES_READER = '''
"""A list of boxes: on each line an image, a class and four numbers."""

from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble
from detect.data.readers.reader import DatasetFile, Reader
from detect.data.readers.files.text_files import read_lines


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

# A detector without suppression: queries that do not compete, of which `decode` takes the best.
COLOUR_QUERIES = '''
"""Queries that look at the colour of the image."""

import keras
import tensorflow as tf

from detect.models.detector import Detector, DetectorConfig, Variant, geometry
from detect.ops.boxes import clip
from detect.structures import Candidates, Detections


class Config(DetectorConfig):
    """Size of the network."""

    queries: int = 20
    max_detections: int = 10


VARIANTS = {"tiny": Variant(Config(), 64), "small": Variant(Config(queries=30), 64)}


class ColourQueries(Detector):
    """The detector."""

    config: Config

    def __init__(self, config, classes, **options):
        super().__init__(config, classes, **options)
        self.class_logits = keras.layers.Dense(config.queries * classes, name="class_logits")
        self.sides = keras.layers.Dense(config.queries * 4, name="sides")

    def call(self, images, targets=None, training=False, extents=None):
        colour = tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2]) / 255
        return {
            "logits": tf.reshape(self.class_logits(colour), [-1, self.config.queries, self.classes]),
            "sides": tf.reshape(self.sides(colour), [-1, self.config.queries, 4]),
            **geometry(images, extents),
        }

    def loss(self, outputs, targets):
        return {"class": tf.reduce_sum(outputs["logits"])}

    def candidates(self, outputs):
        height, width = outputs["size"]
        x, y, w, h = tf.unstack(tf.sigmoid(outputs["sides"]), axis=-1)
        boxes = tf.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1) * [width, height, width, height]
        return Candidates(clip(boxes, outputs["extents"]), tf.sigmoid(outputs["logits"]))

    def decode(self, outputs, confidence=None, iou=None):
        boxes, scores = self.candidates(outputs)
        limits = self.config.limits(confidence)
        pairs = tf.reshape(scores, [-1, self.config.queries * self.classes])
        scores, places = tf.math.top_k(pairs, limits["max_detections"])
        found = scores > limits["confidence"]
        boxes = tf.gather(boxes, places // self.classes, batch_dims=1)
        labels = tf.where(found, places % self.classes, -1)
        return Detections(tf.where(found[..., None], boxes, 0), tf.where(found, scores, 0), labels)
'''

USE_COLOUR_QUERIES = """
from detect.cli.starting import start_tensorflow

start_tensorflow()
import numpy as np, tensorflow as tf
from detect import export, load, models
from detect.errors import BadInput
from detect.models.card import ModelCard
from detect.models.saving import save

detector = models.create("colour_queries-small", 3)
images = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
found = detector.decode(detector(tf.constant(images)), confidence=0.0)
assert found.boxes.shape == (2, 10, 4) and np.all(np.diff(found.scores) <= 0) and np.all(found.labels >= 0)
names = {"model": "colour_queries-small", "classes": ("a", "b", "c"), "category_ids": (1, 2, 3)}
save(detector, ModelCard(config=detector.config.model_dump(), image_size=64, **names), "model")
exported = export("model", "onnx", out="exported")
assert exported.card.check.unmatched == 0 < exported.card.check.detections
picture = np.full((64, 64, 3), 200, np.uint8)
(ours,), (theirs,) = (load(name).predict(picture, confidence=0.01) for name in ("exported", "model"))
assert len(ours) == 10
np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-3)
try:
    export("model", "onnx", raw=True)
except BadInput as error:
    print(error)
"""

ECHO = '''"""A SavedModel for each size, in one file."""

from detect.artefacts.format import Format

FORMAT = Format(summary="an echo of TensorFlow", file="{height}x{width}", runs_with=("tensorflow",))


def open_file(path):
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    return lambda values: [part.numpy() for part in model.step(*map(tf.constant, values.values()))]


def write(job):
    import tensorflow as tf

    job = job.built_for("portable")
    for canvas in job.export.canvases:
        model = tf.Module()
        model.step, model.weights = job.step(canvas), [weight.value for weight in job.detector.weights]
        tf.saved_model.save(model, str(job.path(canvas)))


def label(job):
    pass
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
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "100"}
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
    (tmp_path / "notes.txt").touch()
    assert ", lines, " in " ".join(copy.detect("data", "check", tmp_path / "notes.txt").split())


@pytest.mark.slow
def test_a_model_without_suppression_is_listed_and_exported(copy):
    copy.add("models/colour_queries.py", COLOUR_QUERIES)
    listed = copy.detect("models")
    assert "colour_queries-tiny" in listed
    assert "colour_queries-small" in listed
    said = copy.python(USE_COLOUR_QUERIES)
    assert "colour_queries-small has no suppression that could be left to its client" in said


def test_a_format_is_in_the_help(copy):
    copy.add("formats/echo.py", ECHO)
    assert "echo: an echo of TensorFlow" in copy.detect("export", "--help")
    assert "echo" in copy.detect("predict", "--help")
    assert "echo" in copy.detect("benchmark", "--help")


@pytest.mark.slow
def test_the_packages_of_a_format_are_checked(copy):
    copy.add("formats/echo.py", ECHO.replace('("tensorflow",)', '("no_such_package",)'))
    said = copy.detect("export", "yolox-s-coco", "--format", "echo")
    assert "Export to echo needs no_such_package. Run: pip install no_such_package" in said


@pytest.mark.slow
def test_a_format_exports_and_predicts(copy, tmp_path):
    copy.add("formats/echo.py", ECHO)
    model = saved_small(tmp_path / "model")
    program = (
        "from detect.cli.starting import start_tensorflow\n"
        "start_tensorflow()\n"
        "import numpy as np, detect\n"
        f"check = detect.export({str(model)!r}, 'echo').card.check\n"
        f"model = detect.load({str(model)!r}, backend='echo')\n"
        "[result] = model.predict(np.zeros((60, 80, 3), np.uint8), confidence=1e-4)\n"
        "print(detect.__file__, model.backend.name, check.unmatched, len(result))\n"
    )
    assert copy.python(program).split() == [str(tmp_path / "detect" / "__init__.py"), "echo", "0", "100"]
