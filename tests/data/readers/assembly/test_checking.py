import numpy as np
import pytest
from PIL import Image

from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.assembly.checking import check

WIDTH, HEIGHT = 64, 48
FRAME = (0.0, 0.0, 10.0, 10.0)


def annotations(**options) -> Annotations:
    return Annotations("list.txt", lambda row: f"list.txt:{row + 1}", lambda number: f"box {number}", **options)


@pytest.fixture
def found(tmp_path, write_image) -> Annotations:
    """One image of 64 x 48 pixels."""
    result = annotations()
    result.add_image(str(write_image(tmp_path / "a.jpg", WIDTH, HEIGHT)), 7, (WIDTH, HEIGHT))
    return result


def test_sound_boxes_stay_as_they_are(found):
    found.add_box(0, (1.5, 2, 30, 40.25), 3)
    found.add_box(0, (0, 0, WIDTH, HEIGHT), 1, ignore=True, area=99.5)
    record = check(found)[0]
    assert (record.image_id, record.width, record.height) == (7, WIDTH, HEIGHT)
    np.testing.assert_array_equal(record.boxes, [[1.5, 2, 30, 40.25], [0, 0, WIDTH, HEIGHT]])
    assert record.labels.tolist() == [3, 1]
    assert record.ignore.tolist() == [False, True]
    assert record.areas.tolist() == [28.5 * 38.25, 99.5]
    assert (record.boxes.dtype, record.labels.dtype, record.ignore.dtype) == (np.float32, np.int32, bool)
    assert not found.problems.counts
    assert (found.problems.images_total, found.problems.boxes_total) == (1, 2)


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ((float("nan"), 0, 5, 5), "box that is not a number"),
        ((0, 0, float("inf"), 5), "box that is not a number"),
        ((9, 0, -5, 5), "inverted box"),
        ((0, 49, 5, 5), "inverted box"),
        ((5, 5, 5, 9), "zero-area box"),
        ((5, 5, 9, 5), "zero-area box"),
        ((64, 0, 70, 5), "box outside its image"),
        ((0, 48, 5, 50), "box outside its image"),
        ((-9, 0, 0, 5), "box outside its image"),
        ((0, -9, 5, -1), "box outside its image"),
    ],
)
def test_impossible_boxes_are_dropped_and_counted(found, box, kind):
    found.add_box(0, FRAME, 0)
    found.add_box(0, box, 0)
    records = check(found)
    np.testing.assert_array_equal(records[0].boxes, [FRAME])
    assert found.problems.counts == {kind: 1}
    assert found.problems.lost_boxes == 1
    (problem,) = found.problems
    assert problem.where == "box 1"
    assert problem.action == "dropped"
    assert "a.jpg" in problem.what


@pytest.mark.parametrize("box", [(9, 2, 5, 30), (5, 30, 9, 2), (9, 30, 5, 2)])
def test_exchanged_corners_are_put_in_order_where_the_box_is_in_its_image(found, box):
    found.add_box(0, box, 0)
    np.testing.assert_array_equal(check(found)[0].boxes, [[5, 2, 9, 30]])
    assert found.problems.counts == {"box with exchanged corners": 1}
    assert found.problems.lost_boxes == 0
    (problem,) = found.problems
    assert problem.action == "kept, its corners in order"
    assert problem.what.startswith("x {:g}..{:g}, y {:g}..{:g} on ".format(*np.take(box, [0, 2, 1, 3])))


@pytest.mark.parametrize(
    ("box", "clipped", "reported"),
    [
        ((-0.9, -0.5, 64.99, 48.5), (0, 0, 64, 48), False),
        ((-1, 0, 10, 10), (0, 0, 10, 10), True),
        ((0, 0, 65, 10), (0, 0, 64, 10), True),
        ((0, -30, 10, 100), (0, 0, 10, 48), True),
    ],
)
def test_boxes_past_the_frame_are_clipped(found, box, clipped, reported):
    found.add_box(0, box, 0)
    np.testing.assert_array_equal(check(found)[0].boxes, [clipped])
    assert found.problems.counts == ({"box past the frame": 1} if reported else {})
    assert found.problems.lost_boxes == 0


@pytest.mark.filterwarnings("error")
def test_boxes_of_any_size_are_checked_without_warnings(tmp_path, write_image):
    """In pixels 1e38 x 64 is more than float32 holds, and 1e308 x 64 more than float64."""
    found = annotations(fractions=True)
    found.add_image(str(write_image(tmp_path / "a.jpg", WIDTH, HEIGHT)), 1)
    for right in (1e38, 1e308):
        found.add_box(0, (0.5, 0.5, right, 1), 0)
    np.testing.assert_array_equal(check(found)[0].boxes, [[32, 24, 64, 48]])
    assert found.problems.counts == {"box that is not a number": 1, "box past the frame": 1}


def test_a_sliver_that_clipping_leaves_without_area_is_dropped(found):
    found.add_box(0, (64 - 1e-9, 0, 64.5, 10), 0)
    assert len(check(found).boxes) == 0
    assert found.problems.counts == {"zero-area box": 1}


def test_exact_duplicates_are_dropped_but_nothing_is_lost(found):
    for label, ignore in [(1, False), (0, False), (1, False), (1, True), (1, False)]:
        found.add_box(0, (1, 2, 30, 40), label, ignore)
    found.add_box(0, (1, 2, 30, 40.001), 1)
    record = check(found)[0]
    assert list(zip(record.labels.tolist(), record.ignore.tolist(), strict=True)) == [
        (1, False),
        (0, False),
        (1, True),
        (1, False),
    ]
    assert found.problems.counts == {"duplicate box": 2}
    assert [problem.where for problem in found.problems] == ["box 2", "box 4"]
    assert found.problems.lost_boxes == 0


def test_missing_and_unreadable_images_are_lost_with_their_boxes(found, tmp_path, write_image):
    (tmp_path / "text.jpg").write_text("not an image")
    for name in ("missing.jpg", "text.jpg", "b.jpg"):
        row = found.add_image(str(tmp_path / name), 100)
        found.add_box(row, FRAME, row)
        found.add_box(row, (5, 5, 9, 9), row)
    write_image(tmp_path / "b.jpg")
    records = check(found)
    assert [record.image_path.name for record in records] == ["a.jpg", "b.jpg"]
    assert [len(record.boxes) for record in records] == [0, 2]
    assert records.labels.tolist() == [3, 3]
    problems = found.problems
    assert problems.counts == {"missing image": 1, "unreadable image": 1}
    assert (problems.images_total, problems.boxes_total) == (4, 6)
    assert (problems.lost_images, problems.lost_boxes) == (2, 4)
    assert [problem.where for problem in problems] == ["list.txt:2", "list.txt:3"]


def test_boxes_may_be_stated_in_any_order(tmp_path, write_image):
    found = annotations()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        found.add_image(str(write_image(tmp_path / name)), len(found.images) + 1)
    for row, label in [(2, 0), (0, 1), (2, 2), (0, 3)]:
        found.add_box(row, FRAME, label)
    assert [record.labels.tolist() for record in check(found)] == [[1, 3], [], [0, 2]]


def test_fractions_become_pixels(tmp_path, write_image):
    found = annotations(fractions=True)
    found.add_image(str(write_image(tmp_path / "a.jpg", 200, 100)), 1)
    found.add_box(0, (0.1, 0.2, 0.5, 1.001), 0)
    np.testing.assert_allclose(check(found)[0].boxes, [[20, 20, 100, 100]], rtol=1e-6)
    assert not found.problems.counts  # a tenth of a pixel past the frame


def corners_as_sizes(count: int) -> list[tuple]:
    """Boxes of 8 x 8 pixels along the diagonal, whose x2, y2 were taken for width and height."""
    starts = np.linspace(4, 36, count)
    return [(start, start, 2 * start + 8, 2 * start + 8) for start in starts.tolist()]


def test_boxes_in_another_form_are_lost(tmp_path, write_image):
    found = annotations(form=Form.SIZE)
    found.add_image(str(write_image(tmp_path / "a.jpg", WIDTH, HEIGHT)), 1, (WIDTH, HEIGHT))
    for box in corners_as_sizes(9):  # 4, 8, ... 36: all but those at 4, 8, 12, 16 and 20 end below 52.8 pixels
        found.add_box(0, box, 0)
    records = check(found)
    assert (len(records), len(records.boxes)) == (1, 0)
    assert found.problems.counts == {"box in another form": 9}
    assert (found.problems.boxes_total, found.problems.lost_boxes) == (9, 9)
    (summary,) = found.problems.summary(examples=1)
    expected = (
        "44% of the boxes leave their images by far as x, y, width, height, and 100% are within them as x1, y1, x2, y2"
    )
    assert expected in summary


@pytest.mark.parametrize("stated", [(2 * WIDTH, 2 * HEIGHT), (HEIGHT, WIDTH)])
def test_boxes_in_an_image_of_the_stated_size_have_no_other_form(tmp_path, write_image, stated):
    """The stated size is wrong, or is that before the rotation of the image."""
    found = annotations(form=Form.SIZE)
    found.add_image(str(write_image(tmp_path / "a.jpg", WIDTH, HEIGHT)), 1, stated)
    for start in range(9):
        found.add_box(0, (start, start, stated[0] - start, stated[1] - start), 0)
    check(found)
    assert "box in another form" not in found.problems.counts


def test_fractions_in_place_of_pixels_are_lost(found):
    found.add_box(0, (0.25, 0.25, 0.5, 0.75), 0)
    found.add_box(0, (0, 0, 1, 1), 0)  # may be either
    found.add_box(0, FRAME, 0)
    np.testing.assert_array_equal(check(found)[0].boxes, [(0, 0, 1, 1), FRAME])
    assert found.problems.counts == {"box in another unit": 1}
    assert found.problems.lost_boxes == 1
    assert next(iter(found.problems)).action == "dropped: fractions of the image in place of pixels. Convert them"


def test_pixels_in_place_of_fractions_are_lost(tmp_path, write_image):
    found = annotations(form=Form.CENTRE, fractions=True)
    found.add_image(str(write_image(tmp_path / "a.jpg", WIDTH, HEIGHT)), 1)
    found.add_box(0, (8, 8, 24, 40), 0)  # centre 16, 24 and size 16 x 32
    found.add_box(0, (0.25, 0.25, 1, 1), 0)
    np.testing.assert_array_equal(check(found)[0].boxes, [(16, 12, 64, 48)])
    assert found.problems.counts == {"box in another unit": 1}
    assert next(iter(found.problems)).action == "dropped: pixels in place of fractions. Convert them"


def test_boxes_under_a_pixel_are_reported_and_kept(found):
    found.add_box(0, (5, 5, 5.5, 5.75), 0)
    found.add_box(0, (5, 5, 5.5, 9), 0)
    assert len(check(found).boxes) == 2
    assert found.problems.counts == {"box under a pixel": 1}
    assert found.problems.lost_boxes == 0


def turned(path, orientation: int) -> str:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (WIDTH, HEIGHT)).save(path, exif=exif)  # stored 64 x 48, upright 48 x 64 for 5 to 8
    return str(path)


def test_boxes_drawn_before_the_exif_rotation_are_turned(tmp_path):
    found = annotations()
    for orientation in (6, 8, 6, 3):
        path = turned(tmp_path / f"{len(found.images)}.jpg", orientation)
        found.add_image(path, 1, (HEIGHT, WIDTH) if len(found.images) == 2 else (WIDTH, HEIGHT))
    for row in range(4):
        found.add_box(row, (4, 2, 10, 20), 0)
    records = check(found)
    boxes = [record.boxes[0].tolist() for record in records]
    assert boxes[0] == [HEIGHT - 20, 4, HEIGHT - 2, 10]  # turned clockwise: x' = height - y, y' = x
    assert boxes[1] == [2, WIDTH - 10, 20, WIDTH - 4]  # turned counter-clockwise: x' = y, y' = width - x
    assert boxes[2] == [4, 2, 10, 20]  # its stated size is the upright one
    assert boxes[3] == [4, 2, 10, 20]  # turned by 180 degrees, the sizes are equal: upright is assumed
    assert found.problems.counts == {"annotated before EXIF rotation": 2}
    assert (records[0].width, records[0].height) == (HEIGHT, WIDTH)


@pytest.mark.parametrize(("right_edge", "is_found"), [(60, True), (52, False), (70, False)])
def test_boxes_drawn_before_the_exif_rotation_without_a_stated_size_are_named_so(tmp_path, right_edge, is_found):
    """Not as y1, x1, y2, x2, of which they have the range: here far outside the upright image, just so, and both."""
    found = annotations()
    found.add_image(turned(tmp_path / "a.jpg", 6), 1)
    for top in range(8):
        found.add_box(0, (10 if top % 2 else 40, top, 20 if top % 2 else right_edge, 30), 0)
    upright = turned(tmp_path / "b.jpg", 1)
    found.add_image(upright, 2)
    found.add_box(1, FRAME, 0)
    records = check(found)
    assert ("box drawn before turning" in found.problems.counts) is is_found
    assert "box in another form" not in found.problems.counts
    np.testing.assert_array_equal(records[1].boxes, [FRAME])
    if is_found:
        assert found.problems.lost_boxes == len(found.boxes) - 1
        assert "50% of the boxes of turned images leave these by far" in next(iter(found.problems)).action


def test_a_stated_size_that_differs_is_reported(found):
    found.images.sizes[0] = (128, 96)
    found.add_box(0, (10, 10, 20, 20), 0)
    found.add_box(0, (100, 10, 120, 20), 0)
    record = check(found)[0]
    assert (record.width, record.height) == (WIDTH, HEIGHT)
    np.testing.assert_array_equal(record.boxes, [[10, 10, 20, 20]])
    assert found.problems.counts == {"stated size differs": 1, "box outside its image": 1}
    assert "stated 128x96, the upright image is 64x48" in next(iter(found.problems)).what


def test_nothing_stated_nothing_found():
    records = check(annotations())
    assert len(records) == 0
    assert records.boxes.shape == (0, 4)


def test_names_that_are_not_unicode(tmp_path, write_image):
    """Linux allows any bytes in a name; they come as surrogates."""
    path = tmp_path / "caf\udce9.jpg"
    try:
        write_image(path)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes Unicode names only")
    found = annotations()
    found.add_image(str(path), 1)
    assert check(found)[0].image_path == path
