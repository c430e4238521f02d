"""Checks of a dataset: their subject, and the findings that they return."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from detect.data.dataset import Dataset
from detect.data.doctor.all_images import AllImages, join
from detect.data.doctor.near_boxes import SAME_OBJECT, near_pairs
from detect.data.survey import Survey
from detect.data.tolerance import MAX_LOST

EXAMPLES = 12  # of a finding that are kept, at most
IMAGE_SIZE = 640  # pixels, where no other is given

Box = tuple[float, float, float, float]


class Severity(str, Enum):
    """Severity of a finding, the worst first."""

    ERROR = "error"  # training refuses the dataset
    WARNING = "warning"  # training works, but its result or its scores will be worse than they could be
    NOTE = "note"  # worth knowing; often as it should be


@dataclass(frozen=True)
class Example:
    """One place where something was found."""

    where: str  # in words: the image, or the annotation file and the line or id in it
    image: str = ""  # path of an image that shows it; empty where there is none
    boxes: tuple[Box, ...] = ()  # the boxes that it is about, in pixels of the upright image


@dataclass(frozen=True)
class Found:
    """Result of a check in one split, or between several."""

    split: str  # one split, or several as "train, val"
    count: int  # of images, boxes, classes or whatever `what` speaks of
    what: str  # without a full stop
    examples: tuple[Example, ...] = ()  # at most `EXAMPLES`


@dataclass(frozen=True)
class Finding:
    """Something that the owner of a dataset should know."""

    code: str  # of the check, such as "tiny-boxes"
    severity: Severity
    split: str
    count: int
    what: str
    advice: str
    examples: tuple[Example, ...]

    def __str__(self) -> str:
        return f"{self.split}: {self.what}. {self.advice}".rstrip()


@dataclass(frozen=True)
class Subject:
    """Dataset that is examined, and the training that it is examined for."""

    dataset: Dataset
    surveys: Mapping[str, Survey]  # what the pixels of each split say; none where they are not to be looked at
    image_size: int = IMAGE_SIZE  # side of the square that images are fitted into, pixels
    max_lost: float = MAX_LOST  # largest share of images or boxes that may be lost, 0-1

    @cached_property
    def images(self) -> AllImages:
        """The images of all splits, as far as their pixels were looked at."""
        return join(self.surveys)

    @cached_property
    def near_boxes(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """The pairs of nearly equal boxes of each split, as of `near_pairs`."""
        return {split: near_pairs(records, SAME_OBJECT) for split, records in self.dataset.splits.items()}


@dataclass(frozen=True)
class Check:
    """One thing to look for."""

    code: str  # stable, because scripts may look for it
    severity: Severity
    finds: str  # in words, for the documentation
    advice: str  # what to do, in whole sentences
    find: Callable[[Subject], Iterable[Found]]

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Yield what there is to find."""
        for found in self.find(subject):
            place = (found.split, found.count, found.what)
            yield Finding(self.code, self.severity, *place, self.advice, found.examples[:EXAMPLES])
