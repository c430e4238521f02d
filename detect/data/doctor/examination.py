"""Run all checks on a dataset."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from detect.data.dataset import Dataset
from detect.data.doctor import (
    box_checks,
    class_checks,
    file_checks,
    image_checks,
    orientation_checks,
    overlap_checks,
    problem_checks,
    scoring_checks,
    sequence_checks,
    split_checks,
    training_checks,
)
from detect.data.doctor.dataset_check import IMAGE_SIZE, Check, Finding, Severity, Subject
from detect.data.samples.checked_images import add_unreadable
from detect.data.survey import Survey, survey
from detect.data.tolerance import MAX_LOST

CHECKS: tuple[Check, ...] = (
    *training_checks.CHECKS,
    *problem_checks.CHECKS,
    *scoring_checks.CHECKS,
    *split_checks.CHECKS,
    *sequence_checks.CHECKS,
    *class_checks.CHECKS,
    *overlap_checks.CHECKS,
    *box_checks.CHECKS,
    *image_checks.CHECKS,
    *orientation_checks.CHECKS,
    *file_checks.CHECKS,
)
_ORDER = {severity: place for place, severity in enumerate(Severity)}


def prepare(
    dataset: Dataset,
    image_size: int = IMAGE_SIZE,
    max_lost: float = MAX_LOST,
    decode: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Subject:
    """Return what there is to examine. Images that cannot be decoded are among the problems of its dataset.

    Args:
        dataset: as it was opened; it is not changed.
        image_size: side of the square that images will be fitted into, pixels.
        max_lost: largest share of the images, or of the boxes, that training may lose, 0-1.
        decode: whether to decode all images. Without, only their headers have been read.
        progress: called with the number of images that are decoded, and of all.
    """
    surveys = {}
    total, done = sum(map(len, dataset.splits.values())), itertools.count(1)
    for name, records in dataset.splits.items() if decode else ():
        surveys[name] = survey(records, lambda: progress(next(done), total))
    return Subject(_with_unreadable(dataset, surveys), surveys, image_size, max_lost)


def examine(subject: Subject, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Return everything worth knowing, the worst first."""
    findings = [finding for check in checks for finding in check.findings(subject)]
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])


def refuses(findings: Sequence[Finding]) -> bool:
    """Return whether training would refuse the dataset."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def _with_unreadable(dataset: Dataset, surveys: Mapping[str, Survey]) -> Dataset:
    problems = dict(dataset.problems)
    for name, found in surveys.items():
        problems[name] = problems[name].copy()
        add_unreadable(problems[name], dataset.splits[name], np.flatnonzero(~found.readable).tolist())
    return replace(dataset, problems=problems)
