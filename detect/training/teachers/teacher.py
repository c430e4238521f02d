"""A trained model as a teacher: what it finds in the training images, and how well it did before.

What it finds is stored in the folder of the run, so that a run that is resumed learns from the same boxes.
"""

import io
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detect.config import Settings, from_json, to_json
from detect.data.dataset import Dataset, split
from detect.data.records import Records
from detect.errors import BadInput, counted
from detect.evaluation.evaluation_run import evaluate, find
from detect.files import write_bytes, write_text
from detect.inference.loading import load
from detect.inference.predictor import Model
from detect.training.reporting.display import Display
from detect.training.run_folder import RunFolder
from detect.training.settings import TeacherSettings
from detect.training.teachers.teaching import Boxes, Limits, chosen, is_annotation, joined_boxes, limits_of, taught

BATCH = 8  # images


class TaughtClass(Settings):
    """A class of the teacher."""

    AP: float | None
    """AP of the teacher on the validation images, 0..1; null where it is not defined."""
    annotated: float | None
    """Score from which detections are annotations; null: none is."""
    doubtful: float
    """Score from which detections are ignored regions."""

    @property
    def limits(self) -> Limits:
        """The two scores."""
        return Limits(math.inf if self.annotated is None else self.annotated, self.doubtful)


class TeacherCard(Settings):
    """Scores and thresholds of a teacher, stored beside its boxes."""

    weights: str
    """The teacher, as the user named it."""
    data_digest: str
    """SHA-256 of the annotations that it was given, see `Dataset.digest`."""
    budget: float
    """AP that a class may lose, 0..1."""
    classes: dict[str, TaughtClass]
    """By name."""


@dataclass(frozen=True)
class Lesson:
    """Boxes that a teacher has found in the training images of a run, with its thresholds."""

    card: TeacherCard
    boxes: Boxes

    def save(self, folder: RunFolder) -> None:
        """Write the lesson to the folder of a run. Raises `RunFailure` where that is not possible."""
        packed = io.BytesIO()
        np.savez(packed, allow_pickle=False, **vars(self.boxes))
        write_bytes(folder.teacher_boxes, packed.getvalue())
        write_text(folder.teacher, to_json(self.card))


def read_lesson(folder: RunFolder) -> Lesson:
    """Return the lesson that `Lesson.save` wrote.

    Raises:
        BadInput: a file is missing or damaged.
    """
    try:
        card = from_json(TeacherCard, folder.teacher.read_text(encoding="utf-8"), str(folder.teacher))
        with np.load(folder.teacher_boxes) as archive:
            boxes = Boxes(**archive)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise BadInput(f"What the teacher found cannot be read: {error}. Start anew under another --name.") from None
    return Lesson(card, boxes)


def learn_from(dataset: Dataset, lesson: Lesson) -> Dataset:
    """Return the dataset with what the teacher found in its training images.

    Raises:
        BadInput: the dataset is not the one that the teacher was given.
    """
    if dataset.digest() != lesson.card.data_digest:
        raise BadInput(
            f"{dataset.source}, or the validation images of {lesson.card.weights}, are not those that the run began "
            "with. Restore them, or start anew under another --name."
        )
    records = taught(split(dataset, "train"), lesson.boxes, limits_by_label(lesson.card, dataset.classes))
    return replace(dataset, splits={**dataset.splits, "train": records})


def ask_teacher(weights: str, dataset: Dataset, settings: TeacherSettings, display: Display) -> Lesson:
    """Return what a trained model finds in the training images of a dataset.

    Args:
        weights: run or model folder of the teacher.
        dataset: whose classes begin with those of the teacher. The validation split shows which scores it can be
            trusted at.
        settings: of the teacher.
        display: where to show the progress.
    """
    model, records = load(weights), split(dataset, "train")
    classes = _measured(model, dataset, settings, display)
    card = TeacherCard(weights=weights, data_digest=dataset.digest(), budget=settings.budget, classes=classes)
    limits = limits_by_label(card, dataset.classes)
    found = (chosen(boxes, records, limits) for boxes in _detections(model, records, display))
    return Lesson(card, joined_boxes(found))


def describe(lesson: Lesson, images: int) -> list[str]:
    """Return what the teacher has found in a number of images, in a line for each of its classes."""
    names = list(lesson.card.classes)
    sure = is_annotation(lesson.boxes, limits_by_label(lesson.card, names))
    counts, ignored = (np.bincount(lesson.boxes.labels[rows], minlength=len(names)) for rows in (sure, ~sure))
    lines = [f"Teacher: {lesson.card.weights} annotated its classes in {counted(images, 'image', 'images')}."]
    for name, count, doubtful in zip(names, counts, ignored, strict=True):
        limits = lesson.card.classes[name].limits
        if math.isinf(limits.annotated):
            lines.append(f"  {name}: never precise enough: not learnt from these images")
        else:
            scores = f"scores from {limits.annotated:.2f} and from {limits.doubtful:.2f}"
            regions = counted(doubtful, "ignored region", "ignored regions")
            lines.append(f"  {name}: {counted(count, 'box', 'boxes')}, {regions} ({scores})")
    return lines


def limits_by_label(card: TeacherCard, classes: Sequence[str]) -> list[Limits]:
    """Return the limits for each label of `classes`; of those that the teacher does not know, nothing is taken."""
    unknown = Limits(math.inf, math.inf)
    return [card.classes[name].limits if name in card.classes else unknown for name in classes]


def _measured(model: Model, dataset: Dataset, settings: TeacherSettings, display: Display) -> dict[str, TaughtClass]:
    """Return how well a model detects each of its classes in the validation split."""
    scores = evaluate(model, dataset, "val", batch_size=BATCH, progress=_shown(display, "validation"))
    classes = {}
    for name in model.classes:
        annotated, doubtful = limits_of(scores.curves, name, settings.precision, settings.recall)
        average = scores.per_class[name]["AP"]
        classes[name] = TaughtClass(
            AP=None if math.isnan(average) else average,
            annotated=None if math.isinf(annotated) else annotated,
            doubtful=doubtful,
        )
    return classes


def _detections(model: Model, records: Records, display: Display) -> Iterator[Boxes]:
    """Yield what a model finds in each image, best first, down to the low confidence of scoring."""
    numbered = replace(records, image_ids=np.arange(len(records)))
    labels = range(len(model.classes))
    for found in find(model.detect_to_score, numbered, model.views(), labels, BATCH, _shown(display, "teacher")):
        corners = np.concatenate([found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]], axis=1)
        scores, categories = found.scores.astype(np.float32), found.category_ids.astype(np.int32)
        yield Boxes(found.image_ids.astype(np.int64), corners.astype(np.float32), categories, scores)


def _shown(display: Display, what: str):
    return lambda done, total: display.show(0.0, [f"{what}: {done} of {total} images"])
