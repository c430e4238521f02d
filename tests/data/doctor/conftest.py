"""Datasets with few faults, and what the doctor finds in them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Finding
from detect.data.doctor.examination import examine, prepare
from detect.data.readers.annotations import Annotations
from detect.data.readers.assembling import assemble


@pytest.fixture
def dataset_of(tmp_path, write_image) -> Callable[..., Dataset]:
    """Return a function that makes a dataset from the boxes of each image, by split; all images differ."""
    level = iter(range(1, 250))

    def make(classes: int | tuple[str, ...] = 2, **splits) -> Dataset:
        found = {}
        for split, images in splits.items():
            part = Annotations(split, str, str)
            for number, boxes in enumerate(images):
                path = write_image(tmp_path / split / f"{number}.png", 640, 480, next(level))
                part.add_image(str(path), number + 1)
                for label, x, y, width, height in boxes:
                    part.add_box(number, (x, y, x + width, y + height), label)
            found[split] = part
        names = tuple("abcdefgh"[:classes]) if isinstance(classes, int) else classes
        return assemble(Path("set"), "test data", names, tuple(range(len(names))), found, [])

    return make


@pytest.fixture(scope="session")
def grid() -> Callable[..., list]:
    """Return a function that returns boxes of one class, side by side."""

    def boxes(count: int, label: int = 0, side: float = 20) -> list:
        return [(label, 25 * (number % 25), 25 * (number // 25), side, side) for number in range(count)]

    return boxes


@pytest.fixture(scope="session")
def found() -> Callable[..., dict[str, list[Finding]]]:
    """Return a function that examines a dataset and returns the findings by their code."""

    def by_code(dataset: Dataset, **options) -> dict[str, list[Finding]]:
        findings = examine(prepare(dataset, **options))
        return {code: [one for one in findings if one.code == code] for code in (one.code for one in findings)}

    return by_code
