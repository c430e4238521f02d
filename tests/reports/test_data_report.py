"""The page about a dataset: everything is in it, texts are shown as they are, and pictures show what they are about."""

import base64

import cv2
import numpy as np
import pytest
from browser import inaccessible
from pages_as_read import Page

from detect.data.doctor.dataset_check import Example, Finding, Severity
from detect.data.doctor.dataset_tables import tables
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble
from detect.reports.data_report import GENERATOR, PICTURES, SIDE, is_data_report, write_data_report

NAME = "<b> & co"
BLUE = (0, 114, 178)  # of the boxes


@pytest.fixture
def dataset(tmp_path):
    """One white image of 400 x 300 pixels with a box."""
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((300, 400, 3), 255, np.uint8))
    found = Annotations("train", str, str)
    found.add_image(str(path), 1)
    found.add_box(0, (10, 20, 110, 70), 0)
    return assemble(tmp_path / "a <set>", "test data", (NAME,), (7,), {"train": found}, ["a <note>"])


def finding(dataset, boxes=(), image=None, count=1) -> Finding:
    image = str(dataset.splits["train"].image_path(0)) if image is None else image
    examples = tuple(Example(f"place <{number}>", image, tuple(boxes)) for number in range(count))
    return Finding("a-code", Severity.WARNING, "train", count, f"what of {NAME}", "What to do.", examples)


def written(dataset, findings) -> Page:
    path = dataset.source.parent / "page.html"
    write_data_report(path, dataset, tables(dataset), findings)
    return Page(path)


def picture(dataset, boxes) -> np.ndarray:
    """Return the picture of boxes as the page has it, int [H, W, 3], RGB."""
    (image,) = written(dataset, [finding(dataset, boxes)]).images
    kind, _, content = image["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(content, validate=True), np.uint8), cv2.IMREAD_COLOR)
    return decoded[:, :, ::-1].astype(int)


def box_drawn(drawn: np.ndarray) -> list[int]:
    """Return where the outline of the boxes begins and ends: left, top, right, bottom."""
    rows, columns = np.nonzero(np.abs(drawn - BLUE).max(axis=2) < 60)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_figures_and_findings_are_in_one_file(dataset):
    page = written(dataset, [finding(dataset, count=3)])
    assert page.texts[:2] == ["a <set>", f"{dataset.source}: test data"]
    assert page.texts[page.texts.index("warnings") - 1] == "1"
    assert page.row(NAME)[:2] == ["0", "7"]
    assert page.row("warning") == [f"train: what of {NAME}", "3"]
    assert page.row("train")[:3] == ["1", "0", "1"]
    assert {"a-code", "What to do.", "place <2>", "a <note>"} <= set(page.texts)
    assert [link.partition(":")[0] for link in page.links] == ["data", "#finding1", "data", "data", "data"]
    assert not page.open
    assert not {"set", "note"} & {tag for tag, _ in page.elements}


def test_a_finding_has_few_pictures(dataset):
    page = written(dataset, [finding(dataset, count=PICTURES + 2)])
    assert page.captions == [f"place <{number}>" for number in range(PICTURES)]


@pytest.mark.parametrize("image", ["", "missing.png"])
def test_examples_without_an_image_are_texts(dataset, image):
    page = written(dataset, [finding(dataset, [(0, 0, 9, 9)], image=image)])
    assert not page.images
    assert "place <0>" in page.texts


def test_the_whole_image_where_no_box_is_meant(dataset):
    assert picture(dataset, []).shape == (SIDE * 300 // 400, SIDE, 3)


def test_a_box_is_shown_with_its_surroundings(dataset):
    # The box is 20 pixels wide; there are 48 pixels around it, so 116 become the side of the picture, 360.
    scale = SIDE / 116
    drawn = picture(dataset, [(200, 100, 220, 110)])
    assert drawn.shape == (np.ceil(106 * scale), SIDE, 3)
    np.testing.assert_allclose(box_drawn(drawn), np.array([48, 48, 68, 58]) * scale, atol=3)


def test_corners_of_an_inverted_box_are_ordered(dataset):
    np.testing.assert_array_equal(picture(dataset, [(220, 110, 200, 100)]), picture(dataset, [(200, 100, 220, 110)]))


def test_a_box_beyond_the_image_is_shown_on_grey(dataset):
    # From 380 - 80 = 300 on; the image ends at 400, and the box at 420.
    drawn = picture(dataset, [(380, 100, 420, 140)])
    scale = drawn.shape[1] / 120
    np.testing.assert_allclose(box_drawn(drawn), np.array([80, 80, 120, 120]) * scale, atol=3)
    assert drawn[5, round(95 * scale)].min() > 245
    assert drawn[5, round(110 * scale)].max() < 130


@pytest.mark.parametrize("box", [(1e6, 1e6, 2e6, 2e6), (float("nan"), 0, 1, 1)])
def test_boxes_far_away_leave_the_image(dataset, box):
    assert picture(dataset, [box]).shape == (SIDE * 300 // 400, SIDE, 3)


def test_names_of_files_that_are_not_text_are_written_in_ascii(dataset):
    found = Finding("a-code", Severity.NOTE, "train", 1, "something", "", (Example("caf\udce9.jpg"),))
    assert "caf\\udce9.jpg" in written(dataset, [found]).texts


def test_its_own_pages_are_known(dataset, tmp_path):
    write_data_report(tmp_path / "page.html", dataset, [], [])
    assert is_data_report((tmp_path / "page.html").read_text("utf-8")[:1000])
    assert not is_data_report(f"<html>{GENERATOR}</html>")
    assert "No problems." in Page(tmp_path / "page.html").texts


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(dataset, windows, scheme):
    path = dataset.source.parent / "page.html"
    write_data_report(path, dataset, tables(dataset), [finding(dataset, [(10, 20, 110, 70)])])
    page = windows.open(path.as_uri(), scheme=scheme)
    assert page.title() == "a <set> - detect"
    assert inaccessible(page) == []
    assert windows.requests == [path.as_uri()]
