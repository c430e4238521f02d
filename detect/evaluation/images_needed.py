"""The check of how many images each class needs, estimated from a training run on the same dataset.

With more images, the error of a network falls as a power of their number (Hestness et al. 2017, arXiv 1712.00409). The
exponent is estimated from the classes of the run: log(1 - AP) is fitted to log(images) by least squares. What separates
a class from the line is taken for its own difficulty, which stays. To say how uncertain the exponent is, it is fitted
again to 1,000 random draws of the classes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.dataset import Dataset, split, with_validation
from detect.data.doctor.columns import images_by_class
from detect.data.doctor.dataset_check import Check, Example, Found, Severity, Subject
from detect.data.records import Records
from detect.errors import BadInput
from detect.models.card import load_card, model_folder

LEAST_CLASSES = 8  # for an estimate
LEAST_BOXES = 10  # of a class in the validation split: with fewer, its AP is chance
LEAST_ERROR = 0.01  # 1 - AP is not taken for less
DRAWS = 1000
INTERVAL = (5, 95)  # percentiles
MOST_TIMES = 1000  # as many images as now; more is not told apart
IN_LINE = 3  # classes that are named at once


@dataclass(frozen=True)
class ClassScores:
    """Images and scores of n classes."""

    names: tuple[str, ...]
    images: np.ndarray  # int64 [n], of the training split, with boxes of the class
    aps: np.ndarray  # float64 [n], AP in the validation split, 0-1


def images_needed_check(run: Path, dataset: Dataset) -> Check:
    """Return the check of a dataset for the folder of a run on it. For errors see `class_scores`."""
    scores = class_scores(run, dataset)

    def find(subject: Subject) -> Iterator[Found]:
        yield from _needed(scores, run.name)

    return Check(
        "images-needed",
        Severity.NOTE,
        "classes below the mean AP of a run (`--run`), and with how many images they would reach it",
        "This is an estimate across the classes of one run, with 90 % intervals. Classes differ in more than their "
        "number of images, so take it for an order of magnitude. To measure it, train on parts of the dataset, which "
        "`detect data sample` writes.",
        find,
    )


def class_scores(run: Path, dataset: Dataset) -> ClassScores:
    """Return images and AP of the classes of a run that have both, and enough boxes in the validation split.

    Raises:
        BadInput: the run has no scores, or is of another dataset.
    """
    folder, scores = require_finished(run)
    trained = with_validation(dataset)
    if load_card(folder).data_digest != trained.digest():
        raise BadInput(f"{run} was trained on other data, or on another state of it. Give a run on {dataset.source}.")
    return _measured(_per_class(scores), split(trained, "train"), dataset.classes)


def require_finished(run: Path) -> tuple[Path, Path]:
    """Return the model folder and the scores of a training run; BadInput where it has not both."""
    folder, scores = model_folder(run), run / "evaluation.json"
    if folder is None or not scores.is_file():
        raise BadInput(f"{run} is not the folder of a finished training run: it has no model or no evaluation.json.")
    return folder, scores


def exponents(images: np.ndarray, errors: np.ndarray) -> tuple[float, float, float]:
    """Return the exponent with which the error falls, between the ends of its 90 % interval: lowest, best, highest.

    Args:
        images: of n classes, [n], not all the same.
        errors: of n classes, [n], positive.
    """
    x, y = np.log(images), np.log(errors)
    draws = np.random.default_rng(0).integers(0, len(x), [DRAWS, len(x)])
    low, high = np.nanpercentile(_falls(x[draws], y[draws]), INTERVAL)
    return float(low), float(_falls(x, y)), float(high)


def _falls(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return minus the slope of the least-squares line through points [..., n]; NaN where all x are the same."""
    across = x - x.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return -(across * y).sum(axis=-1) / np.square(across).sum(axis=-1)


def _needed(scores: ClassScores, run: str) -> Iterator[Found]:
    if len(scores.names) < LEAST_CLASSES:
        what = f"how many images a class needs cannot be estimated from {run}: {len(scores.names)} classes"
        yield Found("train", 0, f"{what} have {LEAST_BOXES} boxes to be scored with, and {LEAST_CLASSES} are necessary")
        return
    errors, mean = np.maximum(1 - scores.aps, LEAST_ERROR), float(scores.aps.mean())
    lowest, best, highest = exponents(scores.images, errors) if np.ptp(scores.images) else (0.0, 0.0, 0.0)
    if lowest <= 0:
        what = f"in {run}, AP does not clearly rise with the number of images of a class"
        yield Found("train", 0, f"{what}: other things than more images may be missing")
        return
    below = np.flatnonzero(scores.aps < mean)
    below = below[np.argsort(scores.aps[below], kind="stable")]
    with np.errstate(over="ignore"):
        times = (errors[below, None] / (1 - mean)) ** (1 / np.array([best, highest, lowest]))
    texts = [_in_words(scores, int(row), *(scores.images[row] * own)) for row, own in zip(below, times, strict=True)]
    what = f"{len(below)} of {len(scores.names)} classes have less than the mean AP of {run}, {mean:.2f}"
    yield Found("train", len(below), f"{what}. To reach it, {'; '.join(texts[:IN_LINE])}", tuple(map(Example, texts)))


def _in_words(scores: ClassScores, row: int, about: float, least: float, most: float) -> str:
    now = int(scores.images[row])
    upper = _rounded(most) if most < MOST_TIMES * now else "any number"
    number = f"about {_rounded(about)} images ({_rounded(least)} to {upper})"
    if about >= MOST_TIMES * now:
        number = f"more than {_rounded(MOST_TIMES * now)} images"
    return f"{scores.names[row]} (images: {now}, AP {scores.aps[row]:.2f}) needs {number}"


def _rounded(number: float) -> str:
    """Return a number with two digits that count."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _measured(rows: dict[str, Any], train: Records, classes: tuple[str, ...]) -> ClassScores:
    counts = images_by_class(train, len(classes))
    kept = [
        (name, int(counts[label]), row["AP"])
        for label, name in enumerate(classes)
        if (row := rows.get(name)) and row["AP"] is not None and row["boxes"] >= LEAST_BOXES and counts[label]
    ]
    names, images, aps = zip(*kept, strict=True) if kept else ((), (), ())
    return ClassScores(tuple(names), np.array(images, np.int64), np.array(aps, np.float64))


def _per_class(scores: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(scores.read_text("utf-8"))["per_class"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{scores} has no scores of classes: {error}. Score the run again with detect evaluate."
        ) from None
