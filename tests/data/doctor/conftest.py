"""Datasets with few faults, and what the doctor finds in them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Finding
from detect.data.doctor.examination import examine, prepare
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble


@pytest.fixture(scope="session")
def photo() -> Callable[..., np.ndarray]:
    """Return a function that returns a smooth image without likeness to those of other seeds, uint8 [H, W, 3]."""

    def make(seed: int, width: int = 640, height: int = 480) -> np.ndarray:
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

    return make


@pytest.fixture
def dataset_of(tmp_path, photo) -> Callable[..., Dataset]:
    """Return a function that makes a dataset from the boxes of each image, by split; all images differ."""
    seeds = iter(range(1000))

    def make(
        classes: int | tuple[str, ...] = 2, size: tuple[int, int] = (640, 480), names: Sequence[str] = (), **splits
    ) -> Dataset:
        found, named = {}, iter(names)
        for split, images in splits.items():
            part = Annotations(split, str, str)
            (tmp_path / split).mkdir(exist_ok=True)
            for number, boxes in enumerate(images):
                path = tmp_path / split / next(named, f"{number}.png")
                cv2.imwrite(str(path), photo(next(seeds), *size), [cv2.IMWRITE_PNG_COMPRESSION, 1])
                part.add_image(str(path), number + 1)
                for label, x, y, width, height in boxes:
                    part.add_box(number, (x, y, x + width, y + height), label)
            found[split] = part
        names_of_classes = tuple("abcdefgh"[:classes]) if isinstance(classes, int) else classes
        return assemble(Path("set"), "test data", names_of_classes, tuple(range(len(names_of_classes))), found, [])

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
