"""Splits that cannot be scored, or whose scores say little; annotations that seem to be of other images."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.columns import boxes_by_image
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject

_FEW_IMAGES = 20  # of a split that is scored
_MISSING, _OTHER_SIZE, _OUTSIDE = 0.3, 0.3, 0.5  # shares of the images, of the images and of the boxes


def _nothing_to_score(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        if split != "train" and records.ignore.all():  # of no boxes, all are
            yield Found(split, len(records), f"images with a box to find: none of {len(records)}")


def _no_validation(subject: Subject) -> Iterator[Found]:
    dataset = subject.dataset
    if "train" in dataset.splits and "val" not in (*dataset.splits, *dataset.refused):
        yield Found("val", 0, "there are no images for validation")


def _refused_splits(subject: Subject) -> Iterator[Found]:
    for split, why in subject.dataset.refused.items():
        if split not in ("train", "val"):  # without which training would refuse the dataset
            yield Found(split, 0, f"this split is left out: {why.rstrip('.')}")


def _few_images(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        with_boxes = int(np.count_nonzero(boxes_by_image(records)))
        if split != "train" and 0 < with_boxes < _FEW_IMAGES:
            yield Found(split, with_boxes, f"images with boxes: {with_boxes}")


def _other_images(subject: Subject) -> Iterator[Found]:
    for split, problems in subject.dataset.problems.items():
        counts, images, boxes = problems.counts, problems.images_total, problems.boxes_total
        missing = _share(counts["missing image"], images, _MISSING, "of the images are missing")
        sizes = "of the images have another size than stated"
        resized = _share(counts["stated size differs"], images, _OTHER_SIZE, sizes)
        past = counts["box past the frame"] + counts["box outside its image"]
        evidence = [*missing, *resized, *_share(past, boxes, _OUTSIDE, "of the boxes leave their images")]
        if evidence:
            yield Found(split, images, f"these may be annotations of other images: {', '.join(evidence)}")


def _share(count: int, total: int, limit: float, what: str) -> list[str]:
    return [f"{count / total:.0%} {what}"] if total and count > limit * total else []


CHECKS = (
    Check(
        "other-images",
        Severity.WARNING,
        f"signs of a wrong annotation file: {_MISSING:.0%} of the images are missing or {_OTHER_SIZE:.0%} have another "
        f"size than stated, or {_OUTSIDE:.0%} of the boxes leave their images",
        "Check that this is the annotation file of these images, and that they were not resized or cut since.",
        _other_images,
    ),
    Check(
        "refused-splits",
        Severity.WARNING,
        "splits other than `train` and `val` that are there and cannot be used",
        "Correct what is named here, or take the split out of the dataset.",
        _refused_splits,
    ),
    Check(
        "no-validation-images",
        Severity.NOTE,
        "no split `val`",
        "Training holds out a part of the images of 'train' for it. Divide them yourself where images belong together, "
        "such as frames of a video: detect data split --group-by video.",
        _no_validation,
    ),
    Check(
        "nothing-to-score",
        Severity.WARNING,
        "no box in a split other than `train`, or only crowd and difficult ones",
        "AP is not defined then, and training takes the newest model for the best: annotate these images.",
        _nothing_to_score,
    ),
    Check(
        "few-images-to-score",
        Severity.NOTE,
        f"fewer than {_FEW_IMAGES} images with boxes in a split other than `train`",
        "A score on so few images changes by several points with each of them: use more, or train with `--folds 5`, "
        "which scores on all images.",
        _few_images,
    ),
)
