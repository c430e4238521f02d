"""What to do next: sentences that follow from the numbers of a report, each with its figure and a command."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from detect.errors import counted
from detect.evaluation.coco_scores import Scores
from detect.evaluation.diagnosis.diagnosing import Diagnosis
from detect.evaluation.diagnosis.threshold_curves import THRESHOLDS
from detect.evaluation.matching_by_image import mean_of_defined
from detect.models.card import CONFIDENCE

MOST_STEPS = 5
LEAST_GAIN = 0.02  # AP, or F1: less is not worth a sentence
WIDE = 0.1  # interval of AP
LEARNT = 0.05  # AP: a model with less has learnt next to nothing, and no threshold makes it useful
FURTHER_EPOCHS = 50
USUAL_THRESHOLD = CONFIDENCE  # of `detect predict`
FEW_BOXES = 30  # of a class, in the images that are scored
LEAST_SHARE = 0.05  # of the boxes, for a group of them to matter


class Step(NamedTuple):
    """A sentence on what to do."""

    worth: float  # AP or F1 that it is about, 0..1: the order of the sentences
    text: str
    figure: str  # what justifies it
    section: str  # of the page that shows the figure
    command: str  # empty where there is none


class Subject(NamedTuple):
    """What was scored, as a command line names it; empty where it is not known."""

    model: str = ""  # a model, or the folder of a run
    data: str = ""
    split: str = "validation"
    predictions: str = ""  # a file of detections, in place of a model
    is_run: bool = False
    image_size: int = 0  # pixels
    kind: str = ""  # name of the model
    thresholds: Mapping[str, float] = {}  # of its classes, where they were chosen


def next_steps(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> list[Step]:
    """Return what to do, what is worth most first."""
    quoted = subject._replace(model=shlex.quote(subject.model or "MODEL"), data=shlex.quote(subject.data or "DATA"))
    rules: tuple[Callable[[Scores, Diagnosis, Subject], Iterator[Step]], ...] = (
        _unlearnt, _uncertain, _small, _weak_class, _duplicates, _threshold, _labels, _missed
    )  # fmt: skip
    steps = [step for rule in rules for step in rule(scores, diagnosis, quoted)]
    return sorted(steps, key=lambda step: -step.worth)[:MOST_STEPS]


def _unlearnt(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    if scores.AP < LEARNT and subject.is_run:
        text = "The model has learnt next to nothing. Check what it learns from, and train it for longer."
        command = f"detect train --data {subject.data} --weights {subject.model} --epochs {FURTHER_EPOCHS}"
        yield Step(1.0, text, f"AP {scores.AP:.3f}", "scores", command)


def _uncertain(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    low, high = diagnosis.intervals.AP
    if high - low >= WIDE:
        images = counted(diagnosis.intervals.images, "image", "images")
        text = (
            f"The scores are uncertain: they are measured on {images}, and with others like them AP would probably be "
            f"between {low:.2f} and {high:.2f}. Score on more images; cross-validation scores on all of a dataset."
        )
        command = f"detect train --data {subject.data} --folds 5"
        yield Step(high - low, text, f"95 % interval {high - low:.2f} wide", "scores", command)


def _small(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    """Find the sizes that cost most, if they are below those with the best AP."""
    sizes = diagnosis.ranges.get("size at the model's input", [])
    total = sum(each.boxes for each in sizes)
    common = [each for each in sizes if each.boxes >= LEAST_SHARE * total]
    if not common or not subject.image_size:
        return
    best = max(range(len(common)), key=lambda row: common[row].AP)
    smaller = common[:best]
    if not smaller:
        return
    lost = max(smaller, key=lambda each: each.boxes * (common[best].AP - each.AP))
    worth = lost.boxes / total * (common[best].AP - lost.AP)
    if worth >= LEAST_GAIN:
        text = (
            f"Small objects are lost: those of {lost.name} at the model's input have AP {lost.AP:.2f}, and those of "
            f"{common[best].name} AP {common[best].AP:.2f}. Larger images make them larger, as do tiles (--tile)."
        )
        train = f"detect train --data {subject.data} --image-size {2 * subject.image_size}"
        command = f"{train} --model {subject.kind}" if subject.kind else train
        yield Step(worth, text, f"{lost.boxes / total:.0%} of the objects", "ranges", command)


def _weak_class(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    defined = {name: row for name, row in scores.per_class.items() if row["AP"] == row["AP"]}
    if len(defined) < 2:
        return
    name, row = min(defined.items(), key=lambda item: item[1]["AP"])
    worth = (scores.AP - row["AP"]) / len(defined)
    if worth < LEAST_GAIN:
        return
    boxes = counted(int(row["boxes"]), "box", "boxes")
    text = f"The weakest class is {name}: AP {row['AP']:.2f}, the mean of all {scores.AP:.2f}."
    if row["boxes"] < FEW_BOXES:
        text += " Its few boxes make even that uncertain."
    check = f"detect data check {subject.data}"
    command = f"{check} --run {subject.model}" if subject.is_run else check
    yield Step(worth, f"{text} See how many images it has to learn from.", boxes, "classes", command)


def _duplicates(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    kind = next(each for each in diagnosis.errors if each.name == "duplicate")
    wrong = sum(each.count for each in diagnosis.errors if each.name != "missed")
    if kind.gain >= LEAST_GAIN:
        text = (
            f"Objects are found more than once, which costs {kind.gain:.3f} AP50. Where the model suppresses "
            "overlapping boxes, let it suppress more of them."
        )
        command = f"detect evaluate {subject.model} --data {subject.data} --iou 0.5"
        yield Step(kind.gain, text, f"{kind.count / wrong:.0%} of the wrong detections", "errors", command)


def _threshold(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    f1, best = mean_of_defined(diagnosis.curves.f1), diagnosis.curves.best_threshold
    highest, usual = float(np.nanmax(f1)), float(np.interp(USUAL_THRESHOLD, THRESHOLDS, f1))
    if highest - usual >= LEAST_GAIN and scores.AP >= LEARNT:
        text = (
            f"For the fewest mistakes, count detections from a score of {best:.2f} on: their mean F1 is {highest:.2f}, "
            f"and {usual:.2f} from {USUAL_THRESHOLD} on."
        )
        command = f"detect predict {subject.model} IMAGES --confidence {best:.2f}"
        if subject.is_run:  # which can keep a threshold for each class
            command = f"detect threshold {subject.model} --data {subject.data} --f1"
        yield Step(highest - usual, text, f"F1 higher by {highest - usual:.2f}", "curves", command)


def _labels(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    total = sum(row["boxes"] for row in scores.per_class.values())
    share = diagnosis.suspected / max(total, 1)
    if share >= LEAST_GAIN:
        text = "Look through the annotations that the model contradicts. Wrong ones cost AP, and mislead the training."
        figure = counted(diagnosis.suspected, "annotation", "annotations")
        yield Step(share, text, f"{figure}, {share:.0%} of the boxes", "hints", f"detect data check {subject.data}")


def _missed(scores: Scores, diagnosis: Diagnosis, subject: Subject) -> Iterator[Step]:
    """Name the kind of error that costs most, but for those with rules of their own."""
    kind = next(each for each in diagnosis.errors if each.name != "duplicate")
    if kind.gain >= LEAST_GAIN and subject.is_run:
        text = (
            f"The errors that cost most are of the kind {kind.name} ({kind.meaning}): without them, AP50 would be "
            f"higher by {kind.gain:.3f}. Measure whether more images, time or pixels help."
        )
        command = f"detect advise {subject.model} --max-time 30m"
        yield Step(kind.gain, text, counted(kind.count, "error", "errors"), "errors", command)
