"""The page that compares models, in a browser."""

import numpy as np
import pytest
from browser import inaccessible
from scored_boxes import BOXES, CLASSES, HOSTILE, few

from detect.evaluation.coco_scores import score
from detect.evaluation.comparing import Contender, compare
from detect.reports.comparison_page import is_comparison, write_comparison

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of a model, and of one that finds nothing in the first image."""
    folder = tmp_path_factory.mktemp("comparison")
    scored = few(folder / "data")
    truth, found = scored.scores.compared
    contenders = [
        Contender("<first>", [scored.scores]),
        Contender("second", [score(truth, found.select(np.asarray(found.image_ids) != 1))]),
    ]
    path = folder / "page.html"
    settings = [("model", ["<a>", "b"])]
    write_comparison(path, contenders, compare(contenders), scored.images, settings, "data")
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_everybody_can_use_it(written, windows, width, scheme):
    page = windows.open(written.as_uri(), width, scheme=scheme)
    assert page.title() == "<first> and second - detect"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert inaccessible(page) == []
    assert windows.requests == [written.as_uri()]


def test_images_that_changed_are_side_by_side(written, windows):
    """Only the first image did; its two objects are found by the first model, and missed by the second."""
    page = windows.open(written.as_uri())
    assert page.locator("h3").count() == 1
    assert page.locator("h3").inner_text().startswith(f"{HOSTILE}: -")
    frames = page.locator(".pair .frame")
    assert frames.count() == 2
    kinds = [[rect.get_attribute("class") for rect in frames.nth(number).locator("rect").all()] for number in range(2)]
    assert kinds == [["true", "true", "found", "found"], ["true missed", "true missed"]]
    drawn = frames.first.locator("rect").first
    assert [float(drawn.get_attribute(side)) for side in ("x", "y", "width", "height")] == list(BOXES[0][2:])


def test_scores_classes_and_settings(written, windows):
    page = windows.open(written.as_uri())
    rows = page.locator("table").first.locator("tbody tr")
    assert rows.nth(1).locator("th").inner_text() == "second"
    assert page.get_by_role("rowheader", name=CLASSES[0], exact=True).count() == 1
    assert page.get_by_text("too few images").count() == 2
    assert page.locator("td", has_text="<a>").count() == 1


def test_its_own_pages_are_known(written):
    assert is_comparison(written.read_text()[:1000])
    assert not is_comparison("<html>")
