from pathlib import Path

import numpy as np
import pytest

from detect.data.doctor.dataset_check import Severity
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble


@pytest.fixture
def dataset_with(tmp_path, write_image):
    """Return a function that makes a dataset of one image, 100 x 100 pixels, with 20 good boxes and the given ones."""

    def make(*boxes, stated=(0, 0)):
        part = Annotations("train", str, str)
        part.add_image(str(write_image(tmp_path / "0.png", 100, 100)), 1, stated)
        good = [(side, side, side + 20, side + 20) for side in range(20)]
        for box in (*good, *boxes):
            part.add_box(0, box, 0)
        return assemble(Path("set"), "test data", ("a",), (0,), {"train": part}, [])

    return make


@pytest.mark.parametrize(
    ("code", "box", "severity"),
    [
        ("box-that-is-not-a-number", (0, 0, float("nan"), 10), Severity.WARNING),
        ("inverted-box", (10, 10, -5, 20), Severity.WARNING),
        ("box-with-exchanged-corners", (60, 40, 50, 20), Severity.WARNING),
        ("zero-area-box", (10, 10, 10, 20), Severity.WARNING),
        ("box-outside-its-image", (200, 10, 300, 20), Severity.WARNING),
        ("box-past-the-frame", (90, 10, 110, 20), Severity.WARNING),
        ("box-under-a-pixel", (90.25, 10, 90.75, 10.5), Severity.WARNING),
        ("box-in-another-unit", (0.25, 0.25, 0.5, 0.5), Severity.WARNING),
        ("duplicate-box", (0, 0, 20, 20), Severity.NOTE),
    ],
)
def test_what_is_wrong_with_a_box(dataset_with, found, code, box, severity):
    (finding,) = found(dataset_with(box))[code]
    assert (finding.severity, finding.split, finding.count) == (severity, "train", 1)
    (example,) = finding.examples
    assert "0.png" in example.where
    assert Path(example.image).name == "0.png"
    np.testing.assert_allclose(example.boxes, [box])
    assert code not in found(dataset_with((30, 30, 60, 60)))


def test_stated_size_differs(dataset_with, found):
    (finding,) = found(dataset_with(stated=(200, 100)))["stated-size-differs"]
    assert "stated 200x100, the upright image is 100x100" in finding.examples[0].where
    assert Path(finding.examples[0].image).name == "0.png"
    assert "stated-size-differs" not in found(dataset_with(stated=(100, 100)))


def test_other_problems_have_a_check_of_their_own(dataset_with, found):
    dataset = dataset_with()
    dataset.problems["train"].add("strange line", "a.txt:3", "five numbers", "left out")
    (finding,) = found(dataset)["annotation-problem"]
    assert finding.what == "strange line: 1 (left out)"
    assert finding.examples[0].where == "a.txt:3: five numbers"
