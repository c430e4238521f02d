import json
import random
from pathlib import Path

import pytest

from detect.data.readers.coco.coco_content import CocoContent, load_coco, locate_box, take_boxes
from detect.errors import BadInput


def box(image=1, category=1, bbox=(2, 3, 10, 20), **others) -> dict:
    return {"image_id": image, "category_id": category, "bbox": bbox, **others}


@pytest.fixture
def load(tmp_path):
    """Return a function that writes the given members, in that order, and loads them."""

    def load(**members) -> CocoContent:
        path = tmp_path / "x.json"
        path.write_text(json.dumps(members))
        return load_coco(path)

    return load


def images(*ids) -> list[dict]:
    return [{"id": number, "file_name": f"{number}.jpg", "width": 64, "height": 48} for number in ids]


def test_members_may_come_in_any_order(load):
    members = {
        "annotations": [box(7, 5, id=1), box(3, 2, id=2, area=9), box(7, 2, iscrowd=1)],
        "info": {"lists": [1, 2]},
        "images": images(3, 7),
        "licenses": [{"id": 1}],
        "categories": [{"id": 2, "name": "car"}, {"id": 5, "name": "bus"}],
    }
    for seed in range(10):
        order = random.Random(seed).sample(sorted(members), len(members))
        content = load(**{name: members[name] for name in order})
        assert content.categories == members["categories"]
        assert content.used_categories() == {2, 5}
        table = take_boxes(content, {2: 0, 5: 1}).table
        assert table["row"].tolist() == [1, 0, 1]
        assert table["label"].tolist() == [1, 0, 0]
        assert table["box"].tolist() == [[2, 3, 10, 20]] * 3
        assert table["ignore"].tolist() == [False, False, True]
        assert table["area"][1] == 9
        assert table["number"].tolist() == [1, 2, -3]
        assert content.images.sizes.tolist() == [[64, 48]] * 2
        assert not content.problems.counts


def test_boxes_are_named_by_their_id_or_their_position():
    assert locate_box(Path("x.json"), 12) == "x.json: annotation 12"
    assert locate_box(Path("x.json"), -1) == "x.json: annotation entry 0"


def test_ids_are_keys_in_whatever_form(load):
    """The same image and the same category as an integer, as a float and as text, and others that have names."""
    entries = [{"id": number, "file_name": f"{number}.jpg"} for number in (1, "2", 3.0, "b-4", 2**70)]
    categories = [("2", 1.0), (2, "1"), (1.0, "car"), ("3", " car "), ("b-4", 1), (str(2**70), 1), ("b", 1)]
    annotations = [box(image, category, id=str(row)) for row, (image, category) in enumerate(categories)]
    content = load(annotations=annotations, images=entries)
    assert content.keys.column(content.images.ids).tolist() == ["1", "2", "3", "b-4", str(2**70)]
    assert content.used_categories() == {1, "car"}
    table = take_boxes(content, {"car": 0, 1: 1}).table
    assert table["row"].tolist() == [1, 1, 0, 2, 3, 4]
    assert table["label"].tolist() == [1, 1, 0, 0, 1, 1]
    assert table["number"].tolist() == [0, 1, 2, 3, 4, 5]
    assert [problem.what for problem in content.problems] == ["image_id 'b' is not among the images"]


@pytest.mark.parametrize("stated", [{}, {"bbox": None}, {"bbox": []}, {"bbox": [0, 0, 0, 0.0]}])
def test_where_no_box_is_stated_the_bounds_of_the_segmentation_are_it(load, stated):
    polygons, mask = [[4, 7, 10, 7, 10, 9, 4, 9]], {"size": [48, 64], "counts": [48 * 4 + 7, 2, 48 * 60 - 9]}
    segmented = [{"image_id": 1, "category_id": 1, "segmentation": value, **stated} for value in (polygons, mask)]
    content = load(images=images(1), annotations=[*segmented, box(segmentation=polygons)])
    assert content.bounds == 2
    assert take_boxes(content, {1: 0}).table["box"].tolist() == [[4, 7, 6, 2], [4, 7, 1, 2], [2, 3, 10, 20]]


def test_an_unclear_crowd_is_none_and_is_reported(load):
    content = load(images=images(1), annotations=[box(id=4, iscrowd="Unspecified"), box(id=5, iscrowd=0)])
    assert take_boxes(content, {1: 0}).table["ignore"].tolist() == [False, False]
    (problem,) = content.problems
    assert str(problem).endswith("annotation 4: expected 0 or 1, found 'Unspecified'; taken as 0")


@pytest.mark.parametrize("number", [None, "seven", -7, 7.5, 2**63, True])
def test_boxes_without_an_integer_id_are_named_by_their_position(load, number):
    content = load(images=images(1), annotations=[box(id=4), box(id=number)])
    assert content.boxes.table["number"].tolist() == [4, -2]


def test_the_largest_ids_and_whole_floats_are_ids(load):
    largest = 2**63 - 1
    content = load(images=images(largest, -largest), annotations=[box(float(2**53)), box(largest), box(-largest, 1.0)])
    assert content.images.ids.tolist() == [largest, -largest]
    assert take_boxes(content, {1: 0}).table["row"].tolist() == [0, 1]
    assert [problem.what for problem in content.problems] == ["image_id 9007199254740992.0 is not among the images"]


def test_image_entries_that_cannot_be_used(load):
    bad = [
        {"id": 7.5, "file_name": "half.jpg"},
        {"id": 5, "file_name": "half of a pair \ud800.jpg"},
        {"id": 6, "file_name": "zero \0.jpg"},
        {"id": 7, "file_name": " "},
        {"id": True, "file_name": "true.jpg"},
        None,
    ]
    content = load(images=[*images(1), *bad, *images(2)], annotations=[])
    assert content.images.ids.tolist() == [1, 2]
    assert list(content.images.names) == ["1.jpg", "2.jpg"]
    problems = content.problems
    assert problems.counts == {"malformed image entry": 6}
    assert (problems.images_total, problems.lost_images) == (6, 6)
    texts = [str(problem) for problem in problems]
    assert texts[0].endswith(
        "expected a number or a text as 'id', and a 'file_name', found {'id': 7.5, 'file_name': 'half.jpg'}; left out"
    )
    assert [text.split(": ")[1] for text in texts] == [f"image entry {row}" for row in (1, 2, 3, 4, 5, 6)]


def test_an_image_that_is_listed_twice_is_one(load):
    content = load(images=images(1, 2, 1, "2"), annotations=[box(1), box("2")])
    assert list(content.images.names) == ["1.jpg", "2.jpg"]
    assert take_boxes(content, {1: 0}).table["row"].tolist() == [0, 1]
    problems = content.problems
    assert problems.counts == {"repeated image entry": 2}
    assert problems.lost_share() == 0
    assert str(next(iter(problems))).endswith(
        "image entry 2: id 1 is that of '1.jpg' and of '1.jpg'; the first is kept"
    )


def test_annotations_of_one_id_are_reported_and_kept(load):
    content = load(images=images(1), annotations=[box(id=7), box(id=3), box(id=7, bbox=[0, 0, 5, 5]), box(id=None)])
    assert len(take_boxes(content, {1: 0})) == 4
    (problem,) = content.problems
    assert str(problem).endswith("annotation 7: entries 0 and 2 of the annotations have this id; both are kept")


def test_annotations_of_an_id_that_two_images_have_are_lost(load):
    """As in files that were joined without numbering their images anew."""
    others = [{"id": number, "file_name": f"other {number}.jpg"} for number in (2, 3)]
    content = load(images=[*images(1, 2, 3), *others], annotations=[box(1), box(2), box(3), box(3)])
    assert list(content.images.names) == ["1.jpg"]
    assert len(take_boxes(content, {1: 0})) == 1
    problems = content.problems
    assert problems.counts == {"image id of several images": 4, "unknown image": 3}
    assert (problems.images_total, problems.lost_images, problems.lost_boxes) == (4, 4, 3)
    first = next(iter(problems))
    assert first.what == "id 2 is that of '2.jpg' and of 'other 2.jpg'"
    assert first.where.endswith("image entry 1")


@pytest.mark.parametrize(
    ("size", "stated"),
    [
        (("64", 48.0), [64, 48]),
        (("wide", 48), [0, 0]),
        ((64.5, 48), [0, 0]),
        ((2**31, 48), [0, 0]),
        ((None, None), [0, 0]),
        ((True, 48), [0, 0]),
    ],
)
def test_sizes_are_integers_or_are_not_stated(load, size, stated):
    width, height = size
    content = load(images=[{"id": 1, "file_name": "a.jpg", "width": width, "height": height}], annotations=[])
    assert content.images.sizes.tolist() == [stated]


@pytest.mark.parametrize("area", ["9", None, 10**400, [9]])
def test_areas_that_are_not_numbers_are_those_of_the_boxes(load, area):
    table = load(images=images(1), annotations=[box(area=area)]).boxes.table
    assert table["area"].tolist() != table["area"].tolist()  # not a number


def test_crowds_may_be_stated_as_text(load):
    stated = ["0", "False", None, 0.0, "Unspecified", "1", "true", 1.0]
    content = load(images=images(1), annotations=[box(iscrowd=value) for value in stated])
    assert content.boxes.table["ignore"].tolist() == [False] * 5 + [True] * 3


def test_what_is_wrong_with_boxes(load):
    annotations = [
        box(id=10),
        17,
        box(image="one", id=11),
        box(image=2**80, id=12),
        box(category=[1], id=13),
        box(bbox=[1, 2, 3], id=14),
        box(bbox=[10**400, 2, 3, 4]),
        box(bbox="1234", id=17),
        box(bbox=[], segmentation=[[1, 2, 3]], id=18),
        box(image=9, category=9, bbox=None, id=15),
        box(id=16),
    ]
    content = load(annotations=annotations, images=images(1))
    boxes = take_boxes(content, {1: 0})
    assert boxes.table["number"].tolist() == [10, 16]
    problems = content.problems
    assert (problems.boxes_total, problems.lost_boxes) == (9, 9)
    texts = sorted(str(problem).split(": ", 1)[1] for problem in problems)
    assert [text[:80] for text in texts] == [
        "annotation 11: image_id 'one' is not among the images; dropped",
        f"annotation 12: image_id {2**80} is not among the images; dropped"[:80],
        "annotation 13: category_id [1] is not among the classes; dropped",
        "annotation 14: expected 'bbox' of four numbers, found [1, 2, 3]; dropped",
        "annotation 15: image_id 9 is not among the images; dropped",
        "annotation 17: expected 'bbox' of four numbers, found '1234'; dropped",
        "annotation 18: expected a 'bbox', or polygons or a mask as 'segmentation', found"[:80],
        "annotation entry 1: expected an object, found 17; dropped",
        f"annotation entry 6: expected 'bbox' of four numbers, found [{'1' + '0' * 79}"[:80],
    ]


def test_nothing_in_the_lists(load):
    content = load(images=[], annotations=[])
    assert len(content.images) == len(take_boxes(content, {1: 0})) == 0
    content = load(images=[], annotations=[box()])
    assert len(take_boxes(content, {})) == 0
    assert content.problems.counts == {"unknown image": 1}


def test_a_list_that_comes_twice_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"images": [], "annotations": [], "images": []}')
    with pytest.raises(BadInput, match=r"x\.json: expected one list 'images', found two"):
        load_coco(path)


def test_a_file_that_is_cut_off(tmp_path):
    path = tmp_path / "x.json"
    text = json.dumps({"images": images(1, 2), "annotations": [box(), box()]})
    path.write_text(text[: text.index("bbox") + 10])
    with pytest.raises(BadInput, match=r"x\.json is not JSON: .*: line 1 column \d+ \(char \d+\)"):
        load_coco(path)
