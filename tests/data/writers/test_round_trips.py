"""A dataset that was written in one format and read, then in another, is as it was, but for what formats lack."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from rich_dataset import HEIGHT, WIDTH, rich_dataset, truth

from detect.data.curation.converting import convert
from detect.data.dataset import Dataset
from detect.data.looked_for import distinct
from detect.data.readers.description import open_dataset
from detect.data.records import Record
from detect.data.writers import writers
from detect.data.writers.features import (
    AREAS,
    CATEGORY_IDS,
    CLASS_LIST,
    EXACT_FRACTIONS,
    IGNORED,
    IMAGE_IDS,
    LABELS,
    NARROW,
)
from detect.data.writers.placing import read_image_file

FORMATS = sorted(writers())


def kept(record: Record, lacks: set) -> np.ndarray:
    """Return which boxes of a record can be stated."""
    sides = record.boxes[:, 2:] - record.boxes[:, :2]
    stays = np.ones(len(record.boxes), bool)
    if IGNORED in lacks:
        stays &= ~record.ignore
    if NARROW in lacks:
        stays &= (sides > 1).all(axis=1)
    return stays


def ids_by_class(dataset: Dataset) -> dict[str, int | str]:
    return dict(zip(dataset.classes, dataset.category_ids, strict=True))


def compare(first: Dataset, second: Dataset, lacks: set) -> None:
    assert list(first.splits) == list(second.splits)
    assert not any(map(len, second.problems.values()))
    if not lacks & {CLASS_LIST, LABELS}:
        assert second.classes == first.classes
    if CATEGORY_IDS not in lacks:
        assert ids_by_class(second) == ids_by_class(first)
    for split, records in first.splits.items():
        one, two = truth(records), truth(second.splits[split])
        assert set(one) == set(two)
        for name, record in one.items():
            same_image(record, two[name], lacks)
            stays = kept(record, lacks)
            names = [first.classes[label] for label in record.labels[stays]]
            assert [second.classes[label] for label in two[name].labels] == names


def same_image(first: Record, second: Record, lacks: set) -> None:
    stays = kept(first, lacks)
    assert read_image_file(str(first.image_path)) == read_image_file(str(second.image_path))
    assert (first.width, first.height) == (second.width, second.height)
    np.testing.assert_array_almost_equal_nulp(second.boxes, first.boxes[stays], 4 if EXACT_FRACTIONS in lacks else 1)
    np.testing.assert_array_equal(second.ignore, first.ignore[stays])
    if IMAGE_IDS not in lacks:
        assert second.image_id == first.image_id
    sides = (second.boxes[:, 2:] - second.boxes[:, :2]).prod(axis=1)
    np.testing.assert_allclose(second.areas, sides if AREAS in lacks else first.areas[stays], rtol=1e-5)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(FORMATS, repeat=2)))
def test_two_formats_after_each_other_lose_only_what_they_lack(tmp_path, first, second):
    original = rich_dataset(tmp_path / "original")
    convert(original, first, tmp_path / "first")
    convert(open_dataset(tmp_path / "first"), second, tmp_path / "second")
    lacks = {*writers()[first].lacks, *writers()[second].lacks}
    compare(original, open_dataset(tmp_path / "second"), lacks)


@pytest.mark.parametrize("name", FORMATS)
def test_any_coordinates_are_read_as_they_were(tmp_path, name):
    """Of 500 boxes of all sizes and places, some with corners on whole pixels and on the edges of the image."""
    original = rich_dataset(tmp_path / "original")
    rng = np.random.default_rng(0)
    low = rng.uniform(0, (WIDTH - 2, HEIGHT - 2), (500, 2))
    high = rng.uniform(low + 1.5, (WIDTH, HEIGHT))
    corners = np.concatenate([low, high], axis=1).astype(np.float32)
    corners[:50] = np.floor(corners[:50])
    corners[50:100, :2], corners[100:150, 2:] = 0, (WIDTH, HEIGHT)
    records = replace(
        original.splits["train"].select([0]),
        box_ends=np.array([500]),
        boxes=corners,
        labels=np.arange(500, dtype=np.int32) % 3,
        ignore=np.zeros(500, bool),
        areas=(corners[:, 2:] - corners[:, :2]).astype(np.float64).prod(axis=1),
    )
    one_image = replace(original, splits={"train": records})
    convert(one_image, name, tmp_path / "written")
    compare(one_image, open_dataset(tmp_path / "written"), set(writers()[name].lacks))


def test_what_was_looked_for_is_written_as_coco(tmp_path):
    """One image has a box of a class that was not looked for in it; other formats have no place for any of it."""
    dataset = rich_dataset(tmp_path / "own")
    found = np.array([[True, False, True, True], [True, True, True, True], [False, True, False, False]])
    train = replace(dataset.splits["train"], looked_for=distinct(found))
    dataset = replace(dataset, splits={"train": train})
    assert convert(dataset, "coco", tmp_path / "coco").losses == tuple(writers()["coco"].losses(dataset))
    written = open_dataset(tmp_path / "coco")
    by_name = {record.image_path.name: record.looked_for for record in written.splits["train"]}
    columns = [written.classes.index(name) for name in dataset.classes]
    for record, row in zip(train, found, strict=True):
        np.testing.assert_array_equal(by_name[record.image_path.name][columns], row)
    for name in set(FORMATS) - {"coco"}:
        assert any(
            loss.startswith("images in which not all classes were looked for (2): ")
            for loss in writers()[name].losses(dataset)
        )
