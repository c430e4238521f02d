"""Datasets that training refuses, found with the functions that training calls."""

from collections.abc import Callable, Iterator
from typing import Any

from detect.data.dataset import check_learnable, check_losses, with_validation
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject
from detect.data.tolerance import MAX_LOST
from detect.errors import BadInput


def _no_training_images(subject: Subject) -> Iterator[Found]:
    if "train" not in subject.dataset.splits:
        why = subject.dataset.refused.get("train", "there is no split of this name")
        yield Found("train", 0, f"there are no images to train on: {why.rstrip('.')}")


def _refused_validation(subject: Subject) -> Iterator[Found]:
    if why := subject.dataset.refused.get("val"):
        yield Found("val", 0, f"this split cannot be used: {why.rstrip('.')}")


def _too_much_lost(subject: Subject) -> Iterator[Found]:
    dataset = subject.dataset
    for split in ("train", "val"):
        if split in dataset.splits and (refusal := _refusal(subject, check_losses, dataset, split, subject.max_lost)):
            yield Found(split, dataset.problems[split].lost_images, refusal)


def _nothing_to_learn(subject: Subject) -> Iterator[Found]:
    if "train" in subject.dataset.splits and (refusal := _refusal(subject, check_learnable, subject.dataset)):
        yield Found("train", len(subject.dataset.splits["train"]), refusal)


def _not_divisible(subject: Subject) -> Iterator[Found]:
    """Find what goes wrong when a part of "train" has to be held out for validation."""
    dataset = subject.dataset
    if "train" not in dataset.splits or "val" in (*dataset.splits, *dataset.refused):
        return
    if _refusal(subject, check_learnable, dataset):
        return
    refusal = _refusal(subject, lambda: check_learnable(with_validation(dataset)))
    if refusal:
        yield Found("train", len(dataset.splits["train"]), refusal)


def _refusal(subject: Subject, check: Callable[..., Any], *arguments: Any) -> str:
    """Return the first line of what `check` raises, without the place that a finding names anyway."""
    try:
        check(*arguments)
    except BadInput as error:
        line = error.args[0].removeprefix(str(subject.dataset.source))
        return line.partition(": ")[2].rstrip(".:")
    return ""


CHECKS = (
    Check(
        "no-training-images",
        Severity.ERROR,
        "no split `train`, or none of its images can be used",
        "Name a split 'train', or put the images to train on into a folder 'train'.",
        _no_training_images,
    ),
    Check(
        "refused-validation",
        Severity.ERROR,
        "a split `val` that is there and cannot be used",
        "Correct what is named here, or take the split out of the dataset: then a part of 'train' is held out for it.",
        _refused_validation,
    ),
    Check(
        "too-much-lost",
        Severity.ERROR,
        f"more than {100 * MAX_LOST:g} % of the images or boxes of `train` or `val` cannot be used (`--max-lost`)",
        "Correct what the other findings name, or allow a larger share with --set max_lost=SHARE.",
        _too_much_lost,
    ),
    Check(
        "nothing-to-learn",
        Severity.ERROR,
        "no box in the split `train`, or only crowd and difficult ones",
        "Training needs at least one box that counts.",
        _nothing_to_learn,
    ),
    Check(
        "not-divisible",
        Severity.ERROR,
        "no validation split, and none can be held out: there is one image, or one image with boxes",
        "Add images, or a split 'val'.",
        _not_divisible,
    ),
)
