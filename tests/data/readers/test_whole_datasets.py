"""Public datasets in full: their sizes, and what is wrong with them. Parts of them are in tests/fixtures."""

from pathlib import Path

import numpy as np
import pytest

from detect.data.dataset import check_losses, split
from detect.data.readers.coco import read_coco_file
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

WHOLE = Path(__file__).parents[4] / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not WHOLE.is_dir(), reason=f"BCCD, airbird and potholes in full are expected in {WHOLE}, which does not exist"
)


def sizes(dataset) -> dict[str, tuple[int, int]]:
    """Number of images and of boxes in each split."""
    return {name: (len(records), len(records.boxes)) for name, records in dataset.splits.items()}


def test_blood_cells():
    dataset = open_dataset(WHOLE / "bccd")
    assert sizes(dataset) == {"train": (205, 2804), "val": (87, 1137), "test": (72, 945)}
    assert dataset.classes == ("Platelets", "RBC", "WBC")
    zero_area = {"zero-area box": 1}
    assert [dict(problems.counts) for problems in dataset.problems.values()] == [zero_area, zero_area, {}]
    assert "625 edges are at 1 and 0 below" in dataset.notes[-1]
    np.testing.assert_array_equal(split(dataset, "test")[0].boxes[0], [192, 91, 387, 285])


def test_air_and_bird():
    assert sizes(open_dataset(WHOLE / "airbird")) == {"train": (10, 35), "val": (10, 35)}


def test_annotations_of_other_images():
    with pytest.raises(BadInput, match=r"none of its images \(2583, .* these annotations are of other images"):
        open_dataset(WHOLE / "potholes_faulty" / "test")
    with pytest.raises(BadInput, match="annotations are of other images"):
        open_dataset(WHOLE / "potholes_faulty")


def test_a_twelfth_of_a_download():
    dataset = read_coco_file(WHOLE / "potholes_faulty" / "valid_20of246" / "_annotations.coco.json")
    assert len(split(dataset, "val")) == 20
    problems = dataset.problems["val"]
    assert (problems.images_total, problems.lost_images) == (246, 226)
    with pytest.raises(BadInput, match=r"226 of 246 images \(91.9%\)"):
        check_losses(dataset, "val")
