"""The report on a model, in a browser: what it shows is where it is, and everybody can use it."""

import json

import numpy as np
import pytest
from browser import inaccessible
from scored_boxes import BOXES, CLASSES, FOUND, HEIGHT, HOSTILE, WIDTH, few, many

from detect.errors import BadInput
from detect.reports.model_report import DATA, PAGE, THUMBNAILS, write_model_report
from detect.reports.next_steps import Subject
from detect.reports.report_page import MOST_EMBEDDED

MOST_NODES = 4000  # of a page with any number of images
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return few(tmp_path_factory.mktemp("report") / "a <data>")


@pytest.fixture(scope="module")
def report(scored):
    folder = scored.dataset.source.parent / "report"
    subject = Subject("runs/<x>", str(scored.dataset.source), "val", image_size=320)
    return write_model_report(folder, scored.scores, scored.images, subject)


def shown(page) -> list[str]:
    """Return the names of the images in the list."""
    return page.locator(".card .name").all_text_contents()


def boxes(frame) -> dict[str, list[tuple[float, ...]]]:
    """Return x, y, width and height of the boxes in a frame, by what they stand for, in pixels of the image."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for rect in frame.locator("rect").all():
        sides = tuple(float(rect.get_attribute(side)) for side in ("x", "y", "width", "height"))
        found.setdefault(" ".join(rect.get_attribute("class").replace("other", "").split()), []).append(sides)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_it(report, windows, width, scheme):
    page = windows.open(report.as_uri(), width, scheme=scheme)
    assert page.title() == "<x> - detect"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert inaccessible(page) == []
    page.locator(".card").first.click()
    assert inaccessible(page) == []


def test_it_takes_nothing_from_elsewhere(report, windows):
    page = windows.open(report.as_uri())
    page.locator(".card").first.click()
    page.wait_for_load_state("networkidle")
    assert windows.requests
    assert all(request.startswith(("file:", "data:")) for request in windows.requests)


def test_names_are_texts(report, windows):
    """A script or an image in a name would be an element of the page, and its failure a complaint."""
    page = windows.open(report.as_uri())
    assert HOSTILE in shown(page)
    assert page.locator("b", has_text="cat").count() == 0
    assert page.locator(".filters select[name=label] option").all_text_contents() == ["all", *CLASSES]
    assert page.get_by_role("rowheader", name=CLASSES[0], exact=True).count() >= 2  # scores and confusion matrix


def test_boxes_are_at_their_pixels(report, windows):
    page = windows.open(report.as_uri())
    frame = page.locator(".card", has_text="onerror").locator(".frame")
    drawn = boxes(frame)
    assert drawn["true"] == [tuple(map(float, box[2:])) for box in BOXES if box[0] == 0]
    assert drawn["found"] == [tuple(map(float, box[2:6])) for box in FOUND if box[0] == 0]
    picture, rect = frame.locator("img").bounding_box(), frame.locator("rect.true").first.bounding_box()
    scale = picture["width"] / WIDTH
    assert picture["height"] / HEIGHT == pytest.approx(scale, abs=0.01)
    corner = [(rect["x"] - picture["x"]) / scale, (rect["y"] - picture["y"]) / scale]
    np.testing.assert_allclose(corner, BOXES[0][2:4], atol=2 / scale)  # half of a line


def test_errors_look_different_from_what_is_right(report, windows):
    page = windows.open(report.as_uri())
    wrong = page.locator(".card", has_text="b.png").locator(".frame")
    assert set(boxes(wrong)) == {"true missed", "found wrong"}
    styles = {wrong.locator(f"rect{kind}").evaluate("each => getComputedStyle(each).strokeDasharray")
              for kind in (".missed", ".wrong")}  # fmt: skip
    assert "none" not in styles
    assert len(styles) == 2


def test_images_are_sorted_by_the_ap_that_they_cost(report, windows, scored):
    """In b.png a dog of two is missed, and a cat is found in its place, below the one that is right."""
    page = windows.open(report.as_uri())
    assert shown(page) == ["b.png", HOSTILE, "c #?.png"]
    page.locator("select[name=order]").select_option("name")
    assert shown(page) == sorted(["b.png", HOSTILE, "c #?.png"])


@pytest.mark.parametrize(("fields", "expected"), [
    ({"kind": "class"}, ["b.png"]),
    ({"kind": "missed"}, ["b.png"]),
    ({"kind": "background"}, ["c #?.png"]),
    ({"kind": "wrong"}, ["b.png", "c #?.png"]),
    ({"kind": "right"}, [HOSTILE]),
    ({"kind": "duplicate"}, []),
    ({"kind": "hint"}, ["b.png", "c #?.png"]),
    ({"label": "1", "kind": "missed"}, ["b.png"]),
    ({"label": "0", "kind": "missed"}, []),
    ({"size": "16,32"}, ["c #?.png"]),
    ({"kind": "wrong", "size": "96,"}, ["b.png"]),
])  # fmt: skip
def test_filters(report, windows, fields, expected):
    page = windows.open(report.as_uri())
    for name, value in fields.items():
        page.locator(f"select[name={name}]").select_option(value)
    assert shown(page) == expected
    assert page.locator("#count").inner_text() == f"{len(expected)} of 3 images"


def test_the_threshold_decides_what_is_found(report, windows):
    """The second box of the first image is found with 0.35."""
    page = windows.open(report.as_uri())
    page.locator("select[name=kind]").select_option("missed")
    assert shown(page) == ["b.png"]
    page.locator("input[name=threshold]").fill("0.5")
    assert shown(page) == ["b.png", HOSTILE]
    page.locator("input[name=name]").fill("ONERR")
    assert shown(page) == [HOSTILE]
    page.get_by_role("button", name="Reset").click()
    assert len(shown(page)) == 3


def test_cells_of_the_confusion_matrix_show_their_images(report, windows):
    page = windows.open(report.as_uri())
    rows = page.locator("table.confusion tbody tr")
    assert rows.all_inner_texts() == [f"{CLASSES[0]}\t1\t\t", f"{CLASSES[1]}\t1\t1\t", "nothing\t1\t\t"]
    rows.nth(1).locator("button").first.click()  # a dog that is detected as a cat
    assert shown(page) == ["b.png"]
    page.locator("#cell").click()
    assert len(shown(page)) == 3
    rows.nth(2).locator("button").first.click()
    assert shown(page) == ["c #?.png"]


def test_the_viewer_shows_an_image_and_its_boxes(report, windows):
    page = windows.open(report.as_uri())
    page.locator(".card").first.click()
    assert page.locator("#viewer-name").inner_text() == "b.png"
    assert page.locator("#viewer-boxes li").all_inner_texts() == [
        f"true {CLASSES[1]}, 200 x 150 px: missed", f"{CLASSES[0]} 0.80, 200 x 150 px: class"
    ]  # fmt: skip
    page.wait_for_function("document.querySelector('#stage img').src.endsWith('b.png')")  # the image itself
    page.keyboard.press("d")
    assert set(boxes(page.locator("#stage"))) == {"true missed"}
    page.keyboard.press("t")
    assert not boxes(page.locator("#stage"))
    before = page.locator("#stage .frame").bounding_box()["width"]
    page.keyboard.press("+")
    assert page.locator("#stage .frame").bounding_box()["width"] == pytest.approx(1.5 * before, abs=1)
    page.keyboard.press("ArrowRight")
    assert page.locator("#viewer-name").inner_text() == HOSTILE
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()


def test_annotations_that_may_be_wrong_lead_to_their_images(report, windows):
    page = windows.open(report.as_uri())
    rows = page.locator(".hints li")
    assert rows.count() == 2
    assert "The class may be wrong" in rows.first.inner_text()
    rows.first.locator("button").click()
    assert page.locator("#viewer-name").inner_text() == "b.png"
    assert page.locator("#stage rect.chosen").count() >= 1


def test_only_the_keyboard_is_needed(report, windows):
    page = windows.open(report.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.locator(".card").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.locator("#viewer-name").inner_text() == HOSTILE


def test_its_files(report, scored):
    folder = report.parent
    assert sorted(path.name for path in folder.iterdir()) == [PAGE, DATA, THUMBNAILS]
    assert len(list((folder / THUMBNAILS).iterdir())) == 3
    text = (folder / DATA).read_text("ascii")
    data = json.loads(text.removeprefix("window.detectReport=").removesuffix(";\n"))
    assert data["names"] == ["b.png", HOSTILE, "c #?.png"]
    assert data["originals"][2] == "../a%20%3Cdata%3E/c%20%23%3F.png"


def test_the_scores_are_those_of_coco(report, windows, scored):
    page = windows.open(report.as_uri())
    first = page.locator("#scores tbody tr").first.locator("td").first
    assert first.inner_text() == f"{scored.scores.AP:.4f}"


def test_a_single_file_has_everything_in_it(scored, tmp_path, windows):
    subject = Subject("runs/x", "data", "val")
    path = write_model_report(tmp_path / "one", scored.scores, scored.images, subject, single_file=True)
    alone = tmp_path / "alone.html"
    alone.write_bytes(path.read_bytes())
    page = windows.open(alone.as_uri())
    assert shown(page) == ["b.png", HOSTILE, "c #?.png"]
    page.locator(".card").last.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.card img')].every(each => each.naturalWidth)")
    assert windows.requests == [alone.as_uri()]


def test_ten_thousand_images(tmp_path, windows, monkeypatch):
    """The page has no more elements than with few images, and no chart or table grows with their number."""
    monkeypatch.setattr("detect.evaluation.intervals.RESAMPLES", 10)
    scores, images = many(10_000, classes=5, boxes=1)
    page = windows.open(write_model_report(tmp_path / "many", scores, images, Subject("m", "d", "val")).as_uri())
    assert page.locator("#count").inner_text() == "10,000 of 10,000 images"
    assert page.evaluate("document.querySelectorAll('*').length") < MOST_NODES
    page.locator("select[name=label]").select_option("3")
    page.locator("select[name=kind]").select_option("missed")
    assert 0 < page.locator(".card").count() <= 24
    page.get_by_role("button", name="Next").click()
    assert page.locator("#place").inner_text().startswith("page 2 of")
    assert page.evaluate("document.querySelectorAll('*').length") < MOST_NODES


def test_of_many_images_a_single_file_has_those_that_cost_most(tmp_path, windows):
    scores, images = many(MOST_EMBEDDED + 50, boxes=2)
    path = write_model_report(tmp_path / "r", scores, images, Subject("m", "d", "val"), single_file=True)
    page = windows.open(path.as_uri())
    assert page.locator("#count").inner_text() == "200 of 200 images, those that cost most AP of all 250"


def test_another_folder_is_not_replaced(scored, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    with pytest.raises(BadInput, match="is in use, and not by a report"):
        write_model_report(tmp_path / "mine", scored.scores, scored.images, Subject())
    again = tmp_path / "again"
    for _ in range(2):
        write_model_report(again, scored.scores, scored.images, Subject("m", "d", "val"))
    assert (again / PAGE).is_file()
