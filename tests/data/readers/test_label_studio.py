"""Label Studio's JSON: regions, which annotation counts, and names of images."""

import itertools
import json
import math

import numpy as np
import pytest
from small_sets import HEIGHT, WIDTH, Box, encoded_image, studio_size, studio_value, write_images, write_text

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

CAR = Box(1, 4, 4, 8, 8)


def result(value: dict, **more) -> dict:
    return {"type": "rectanglelabels", "value": value, **studio_size(), **more}


def write(folder, *annotations: dict, image: str = "/data/upload/1/a.png", **more) -> None:
    """Write one task, and the image "a.png"."""
    write_images(folder, "train")
    task = {"id": 1, "data": {"image": image}, "annotations": list(annotations), **more}
    write_text(folder / "export.json", json.dumps([task]))


def boxes_of(folder, *results: dict) -> np.ndarray:
    write(folder, {"result": list(results)})
    return split(open_dataset(folder), "train").boxes


@pytest.mark.parametrize(
    ("value", "box"),
    [
        # 16 x 4 pixels at (20, 8), turned clockwise around this corner: 4 pixels to the left, 16 down.
        ({"x": 50, "y": 40, "width": 40, "height": 20, "rotation": 90}, [16, 8, 20, 20]),
        ({"x": 50, "y": 90, "width": 40, "height": 20, "rotation": -90}, [20, 2, 24, 18]),
        ({"points": [[10, 10], [50, 20], [30, 75]], "polygonlabels": ["car"]}, [4, 2, 20, 15]),
        ({"x": 50, "y": 50, "radiusX": 10, "radiusY": 30}, [16, 4, 24, 16]),
        ({"x": 50, "y": 50, "radiusX": 10, "radiusY": 30, "rotation": 90}, [14, 6, 26, 14]),
    ],
)
def test_regions_are_replaced_by_their_hulls(tmp_path, value, box):
    np.testing.assert_allclose(boxes_of(tmp_path, result({"rectanglelabels": ["car"], **value})), [box], atol=1e-4)
    assert any("upright hulls" in note for note in open_dataset(tmp_path).notes)


def test_a_turn_by_half_a_right_angle_holds_in_pixels(tmp_path):
    """A box of 8 x 8 pixels at (20, 4): its diagonal points down."""
    value = {"x": 50, "y": 20, "width": 20, "height": 40, "rotation": 45, "rectanglelabels": ["car"]}
    side = 8 / math.sqrt(2)
    expected = [[20 - side, 4, 20 + side, 4 + 2 * side]]
    np.testing.assert_allclose(boxes_of(tmp_path, result(value)), expected, atol=1e-4)


def test_a_turned_box_needs_the_size_of_the_image(tmp_path):
    turned = {"value": {**studio_value(CAR), "rotation": 10}}
    assert len(boxes_of(tmp_path, turned, result(studio_value(CAR)))) == 1
    (problem,) = open_dataset(tmp_path).problems["train"]
    assert "needs original_width" in problem.what
    assert problem.where == f"{tmp_path}/export.json: task 0, annotation 0"


def test_a_shape_and_its_labels_are_one_region(tmp_path):
    shape = {name: value for name, value in studio_value(CAR).items() if name != "rectanglelabels"}
    results = [result(shape, id="x", type="rectangle"), result({**shape, "labels": ["car"]}, id="x", type="labels")]
    np.testing.assert_allclose(boxes_of(tmp_path, *results), [[4, 4, 8, 8]], atol=1e-5)


def test_other_results_are_counted(tmp_path):
    others = [
        {"type": "choices", "value": {"choices": ["day"]}},
        {"type": "keypointlabels", "value": {"x": 1, "y": 1, "width": 1, "keypointlabels": ["car"]}},
    ]
    assert len(boxes_of(tmp_path, *others, result(studio_value(CAR)))) == 1
    notes = " ".join(open_dataset(tmp_path).notes)
    assert "results of the kind 'choices' are not objects and are left out (1)" in notes
    assert "results of the kind 'keypointlabels' are not objects and are left out (1)" in notes


def packed(values: list[int], bits: int = 8, sizes: tuple[int, ...] = (3, 4, 8, 16)) -> list[int]:
    """Pack a mask as `@thi.ng/rle-pack` does."""

    def chunk(is_repeated: bool, count: int, content: str) -> str:
        choice = next(number for number, size in enumerate(sizes) if count <= 1 << size)
        return f"{int(is_repeated)}{choice:02b}{count - 1:0{sizes[choice]}b}{content}"

    text = f"{len(values):032b}{bits - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    runs = [(value, len(list(run))) for value, run in itertools.groupby(values)]
    for is_single, group in itertools.groupby(runs, lambda run: run[1] == 1):
        members = [(f"{value:0{bits}b}", count) for value, count in group]
        if is_single:
            text += chunk(False, len(members), "".join(value for value, _ in members))
        for value, count in members if not is_single else []:
            whole, rest = divmod(count, 1 << sizes[-1])
            text += chunk(True, 1 << sizes[-1], value) * whole + (chunk(True, rest, value) if rest else "")
    text += "0" * (-len(text) % 8)
    return [int(text[start : start + 8], 2) for start in range(0, len(text), 8)]


def test_the_packer_is_that_of_the_documentation():
    """It packs 1024 values into 30 bytes, and into 20 with other sizes."""
    values = [1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 4, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1]
    values = [0] * 512 + values + [0] * (512 - len(values))
    assert len(packed(values)) == 30
    assert len(packed(values, 3, (1, 2, 3, 9))) == 20


def mask(*parts: tuple[slice, slice, tuple[int, int, int, int]], width=WIDTH, height=HEIGHT, **more) -> dict:
    """Return a region in which parts of the image are painted: rows, columns and colour of each."""
    pixels = np.zeros((height, width, 4), np.uint8)
    for rows, columns, colour in parts:
        pixels[rows, columns] = colour
    value = {"format": "rle", "rle": packed(pixels.ravel().tolist()), "brushlabels": ["car"]}
    return {"type": "brushlabels", "value": value, **studio_size(), **more}


RED, CLEAR = (255, 30, 20, 255), (9, 9, 9, 0)


@pytest.mark.parametrize(
    ("parts", "box"),
    [
        ([(slice(5, 15), slice(10, 30), RED)], [10, 5, 30, 15]),
        ([(slice(5, 15), slice(0, WIDTH), RED)], [0, 5, WIDTH, 15]),
        ([(slice(3, 4), slice(39, 40), RED), (slice(7, 8), slice(2, 3), RED)], [2, 3, 40, 8]),
        ([(slice(0, HEIGHT), slice(0, WIDTH), CLEAR), (slice(3, 4), slice(5, 6), RED)], [5, 3, 6, 4]),
    ],
)
def test_a_mask_is_replaced_by_the_box_around_what_was_painted(tmp_path, parts, box):
    np.testing.assert_allclose(boxes_of(tmp_path, mask(*parts)), [box], atol=1e-4)
    assert any("upright hulls" in note for note in open_dataset(tmp_path).notes)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (mask(), "nothing was painted"),
        (mask((slice(0, 1), slice(0, 1), RED), height=HEIGHT - 1), "expected a mask of 800 pixels, found 760"),
        ({"type": "brushlabels", "value": {"format": "rle", "rle": [0, 1], "brushlabels": ["car"]}}, "a mask needs"),
        ({**studio_size(), "value": {"format": "rle", "rle": [0, 1], "brushlabels": ["car"]}}, "ends too early"),
        ({**studio_size(), "value": {"format": "rle", "rle": [0, 256], "brushlabels": ["car"]}}, "must be in range"),
        ({**studio_size(), "value": {"imageDataURL": "data:x", "bitmasklabels": ["car"]}}, "bit masks are not read"),
    ],
)
def test_masks_that_cannot_be_read_are_lost_with_a_word(tmp_path, broken, what):
    assert len(boxes_of(tmp_path, broken, result(studio_value(CAR)))) == 1
    problems = open_dataset(tmp_path).problems["train"]
    assert problems.lost_boxes == 1
    assert what in next(iter(problems)).what


def test_regions_belong_to_one_of_the_images_of_a_task(tmp_path):
    write_images(tmp_path, "train")
    results = [result(studio_value(CAR)), *(result(studio_value(CAR), item_index=item) for item in (1, 1, 0))]
    task = {"data": {"pages": ["/data/upload/1/a.png", "b.png", "c.png"]}, "annotations": [{"result": results}]}
    write_text(tmp_path / "export.json", json.dumps([task]))
    dataset = open_dataset(tmp_path)
    # A repeated box is dropped.
    assert [(record.image_path.name, len(record.boxes)) for record in split(dataset, "train")] == [
        ("a.png", 1),
        ("b.png", 1),
        ("c.png", 0),
    ]


def annotation(x1: int, **more) -> dict:
    return {"result": [result(studio_value(Box(1, x1, 0, 20, 10)))], **more}


@pytest.mark.parametrize(
    ("annotations", "x1"),
    [
        ([annotation(1, updated_at="2026-01-01"), annotation(2, updated_at="2026-01-02")], 2),
        ([annotation(1, updated_at="2026-01-02"), annotation(2, updated_at="2026-01-01")], 1),
        ([annotation(1, ground_truth=True, updated_at="2025-01-01"), annotation(2, updated_at="2026-01-02")], 1),
        ([annotation(1), annotation(2, was_cancelled=True)], 1),
    ],
)
def test_the_annotation_that_counts(tmp_path, annotations, x1):
    write(tmp_path, *annotations)
    dataset = open_dataset(tmp_path)
    assert split(dataset, "train").boxes[:, 0].tolist() == pytest.approx([x1])
    several = not any(one.get("was_cancelled") for one in annotations)
    assert any("several annotations" in note for note in dataset.notes) == several


def test_the_newest_of_a_task_in_the_short_form(tmp_path):
    write_images(tmp_path, "train")
    tasks = [
        {
            "image": "a.png",
            "id": 5,
            "annotator": who,
            "updated_at": when,
            "label": [studio_value(Box(1, x1, 0, 20, 10))],
        }
        for who, when, x1 in ((1, "2026-01-02", 1), (2, "2026-01-03", 2), (3, "2026-01-01", 3))
    ]
    write_text(tmp_path / "min.json", json.dumps(tasks))
    dataset = open_dataset(tmp_path)
    assert split(dataset, "train").boxes[:, 0].tolist() == pytest.approx([2])
    assert any(note.endswith("older than another of the same task are left out (2)") for note in dataset.notes)


@pytest.mark.parametrize(
    ("task", "what"),
    [
        ({"annotations": []}, "without annotations"),
        ({"annotations": [], "predictions": [annotation(1)]}, "with only predictions"),
        ({"annotations": [annotation(1, was_cancelled=True)]}, "with only cancelled annotations"),
    ],
)
def test_tasks_without_annotation_are_left_out(tmp_path, task, what):
    write_images(tmp_path, "train")
    good = {"data": {"image": "b.png"}, "annotations": [annotation(1)]}
    write_text(tmp_path / "export.json", json.dumps([{"data": {"image": "a.png"}, **task}, good]))
    dataset = open_dataset(tmp_path)
    assert [record.image_path.name for record in split(dataset, "train")] == ["b.png"]
    assert any(note.endswith(f"tasks {what} are left out (1)") for note in dataset.notes)
    write_text(tmp_path / "export.json", json.dumps([{"data": {"image": "a.png"}, **task}]))
    with pytest.raises(BadInput, match="no image is annotated"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    "image",
    [
        "a.png",
        "/data/upload/1/a.png",
        "/data/upload/1/1a2b3c4d-a.png",
        "/data/local-files/?d=cams/a.png",
        "https://host.example/files/a.png?token=1",
        "s3://bucket/files/a.png",
        "C:\\photos\\a.png",
    ],
)
def test_addresses_of_images(tmp_path, image):
    write(tmp_path, annotation(1), image=image)
    (record,) = split(open_dataset(tmp_path), "train")
    assert record.image_path == tmp_path / "a.png"


def test_the_file_as_named_comes_before_that_without_prefix(tmp_path):
    write(tmp_path, annotation(1), image="/data/upload/1/1a2b3c4d-a.png")
    (tmp_path / "1a2b3c4d-a.png").write_bytes(encoded_image("b.png"))
    (record,) = split(open_dataset(tmp_path), "train")
    assert record.image_path.name == "1a2b3c4d-a.png"


def test_two_files_that_differ_in_the_prefix_are_not_mixed_up(tmp_path):
    write(tmp_path, annotation(1), image="/data/upload/1/00000000-a.png")
    (tmp_path / "a.png").rename(tmp_path / "1a2b3c4d-a.png")
    (tmp_path / "5e6f7a8b-a.png").write_bytes(encoded_image("b.png"))
    with pytest.raises(BadInput, match=r"none of its images \(1,"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("image", [None, "data:image/png;base64,aGVsbG8=", "", "\0"])
def test_tasks_without_the_address_of_an_image(tmp_path, image):
    write_images(tmp_path, "train")
    good = {"data": {"image": "b.png"}, "annotations": [annotation(1)]}
    write_text(tmp_path / "export.json", json.dumps([good, {"data": {"image": image}, "annotations": [annotation(1)]}]))
    problems = open_dataset(tmp_path).problems["train"]
    assert (problems.counts, problems.lost_images) == ({"malformed image entry": 1}, 1)
