"""Images that an EXIF orientation turns, and boxes that were drawn before they were turned."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.dataset_check import Check, Example, Found, Severity, Subject
from detect.data.doctor.found_examples import images_found
from detect.data.doctor.problem_checks import problem_example
from detect.data.problems import Problem

_LEAVING = ("box past the frame", "box outside its image")  # kinds of problems


def _turned(subject: Subject) -> Iterator[Found]:
    for split, survey in subject.surveys.items():
        records, turned = subject.dataset.splits[split], np.flatnonzero(survey.turned)
        what = "images that are stored on their side and turned by their EXIF orientation"
        yield from images_found(split, records, turned, what)


def _drawn_before_turning(subject: Subject) -> Iterator[Found]:
    """Find boxes that leave a turned image and would lie within it as it is stored, if these are most that leave it."""
    for split, problems in subject.dataset.problems.items():
        count = problems.boxes_drawn_unturned
        if 2 * count > problems.boxes_leaving_turned:
            what = f"boxes that leave a turned image, and would not if it were as it is stored: {count}"
            yield Found(split, count, what, _drawn_unturned(subject, split))


def _drawn_unturned(subject: Subject, split: str) -> tuple[Example, ...]:
    """Return those of the boxes that are kept as examples; none where the pixels were not looked at."""
    sizes = _upright_sizes(subject, split) if split in subject.surveys else {}
    kept = (one for one in subject.dataset.problems[split] if one.kind in _LEAVING and one.image in sizes)
    return tuple(problem_example(one) for one in kept if _fits(one, sizes[one.image][::-1]))


def _upright_sizes(subject: Subject, split: str) -> dict[str, np.ndarray]:
    """Return width and height of the turned images of a split by their paths, int32 [2] each."""
    records = subject.dataset.splits[split]
    rows = np.flatnonzero(subject.surveys[split].turned).tolist()
    return {str(records.image_path(row)): records.sizes[row] for row in rows}


def _fits(problem: Problem, size: np.ndarray) -> bool:
    x1, y1, x2, y2 = problem.box or (-1, -1, 0, 0)
    return bool(min(x1, y1) > -1 and x2 < size[0] + 1 and y2 < size[1] + 1)  # exporters round


CHECKS = (
    Check(
        "drawn-before-turning",
        Severity.WARNING,
        "boxes that leave images which an EXIF orientation turns, and that fit into these as they are stored",
        "The labelling tool did not turn these images. State the sizes that it showed, as COCO and VOC can, and the "
        "boxes are turned; or store the images upright and draw the boxes again.",
        _drawn_before_turning,
    ),
    Check(
        "turned-images",
        Severity.NOTE,
        "images that an EXIF orientation turns by a quarter",
        "Boxes are of the upright images. If the labelling tool may not turn images, look at some: detect data show.",
        _turned,
    ),
)
