"""Scores against numbers worked by hand, and against pycocotools on its own reference data."""

import contextlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from records_of import records_of

from detect.data.records import Record
from detect.errors import BadInput
from detect.evaluation.coco_scores import METRICS, score
from detect.evaluation.detections import from_entries, read_detections
from detect.evaluation.truth import Truth, truth_from_entries, truth_from_file, truth_from_records


def box_of(image_id, category_id, bbox, crowd=0, area=None, number=1):
    area = bbox[2] * bbox[3] if area is None else area
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox,
        "area": area,
        "iscrowd": crowd,
    }


def score_entries(truth, entries, where="detections"):
    return score(truth, from_entries(entries, where), where)


def found(image_id, category_id, bbox, confidence):
    return {"image_id": image_id, "category_id": category_id, "bbox": bbox, "score": confidence}


A, B, FAR = [10, 10, 20, 20], [50, 50, 40, 40], [200, 200, 30, 30]


@pytest.fixture
def two_boxes() -> Truth:
    return truth_from_entries((1,), {7: "cat"}, [box_of(1, 7, A, number=1), box_of(1, 7, B, number=2)])


@pytest.mark.parametrize("reference", [False, True])
def test_reference_of_pycocotools(fixtures, reference):
    folder = fixtures / "coco"
    truth_path, found_path = (
        folder / "instances_val2014_100.json",
        folder / "instances_val2014_fakebbox100_results.json",
    )
    scores = score(truth_from_file(truth_path), read_detections(found_path), reference=reference)
    assert f"{scores.AP:.10f} {scores.AP50:.10f} {scores.AP75:.10f}" == "0.5045806987 0.6969727247 0.5729816670"
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(truth_path))
        theirs = COCOeval(truth, truth.loadRes(str(found_path)), "bbox")
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    assert [getattr(scores, name) for name in METRICS] == theirs.stats.tolist()
    assert len(scores.per_class) == 80
    measured = [row["AP"] for row in scores.per_class.values() if not math.isnan(row["AP"])]
    assert np.mean(measured) == pytest.approx(scores.AP)


def test_precision_over_recall_by_hand(two_boxes):
    """Right, wrong, right: precision 1 up to recall 0.5 (51 of the 101 points), then 2/3."""
    scores = score_entries(two_boxes, [found(1, 7, A, 0.9), found(1, 7, FAR, 0.8), found(1, 7, B, 0.7)])
    expected = (51 + 50 * 2 / 3) / 101
    np.testing.assert_allclose([scores.AP, scores.AP50, scores.AP75], expected, atol=1e-12)
    assert (scores.AR1, scores.AR10, scores.AR100) == (0.5, 1.0, 1.0)
    assert scores.per_class == {
        "cat": {"AP": scores.AP, "AP50": scores.AP50, "AP75": scores.AP75, "AR100": 1.0, "images": 1, "boxes": 2}
    }
    np.testing.assert_allclose(scores.curves.precisions["cat"][[0, 50, 51, 100]], [1, 1, 2 / 3, 2 / 3])
    assert scores.curves.confidences["cat"][[0, 100]].tolist() == [0.9, 0.7]


def test_overlap_decides_at_which_thresholds_a_box_counts():
    """20 x 20 against 20 x 15: IoU 0.75, right at 0.50 ... 0.75, 6 of the 10 overlaps."""
    truth = truth_from_entries((1,), {7: "cat"}, [box_of(1, 7, A)])
    scores = score_entries(truth, [found(1, 7, [10, 10, 20, 15], 0.5)])
    np.testing.assert_allclose((scores.AP50, scores.AP75), (1, 1))
    np.testing.assert_allclose(scores.AP, 0.6)


def test_no_detections_score_zero(two_boxes):
    scores = score_entries(two_boxes, [])
    assert (scores.AP, scores.AP50, scores.AR100) == (0.0, 0.0, 0.0)


def test_nothing_to_measure_is_nan_and_null_in_json():
    scores = score_entries(truth_from_entries((1, 2), {7: "cat"}, []), [found(1, 7, A, 0.5)])
    assert all(math.isnan(getattr(scores, name)) for name in METRICS)
    assert not scores.curves.precisions
    content = json.loads(scores.to_json())
    assert content["AP"] is None
    assert content["per_class"]["cat"] == {
        "AP": None, "AP50": None, "AP75": None, "AR100": None, "images": 0, "boxes": 0
    }  # fmt: skip


def test_sizes_follow_the_annotated_area_not_the_box():
    """A box of 40 x 40 whose mask covers 900 square pixels is small: COCO's limit is 32 x 32 = 1024."""
    truth = truth_from_entries((1,), {7: "cat"}, [box_of(1, 7, B, area=900.0)])
    scores = score_entries(truth, [found(1, 7, B, 0.5)])
    np.testing.assert_allclose(scores.APs, 1)
    assert math.isnan(scores.APm)
    assert math.isnan(scores.APl)


def test_boxes_that_are_not_stated_are_those_of_segmentations():
    """As in training; `segmentation` is a triangle, or a mask of 9 x 10 pixels with a run of 4 in its third column."""
    triangle, mask = [[4, 7, 10, 7, 10, 9]], {"size": [9, 10], "counts": [19, 4, 67]}
    entries = [{"image_id": 1, "category_id": 7, "segmentation": segmentation} for segmentation in (triangle, mask)]
    truth = truth_from_entries((1,), {7: "cat"}, entries)
    assert truth.boxes.tolist() == [[4, 7, 6, 2], [2, 1, 1, 4]]
    assert truth.areas.tolist() == [12, 4]


@pytest.mark.parametrize("box", [{"bbox": "1234"}, {"bbox": None}, {"segmentation": [[1, 2, 3]]}, {"segmentation": []}])
def test_annotations_without_a_box_are_named(box):
    with pytest.raises(BadInput, match=r"annotations\[0\].*bbox"):
        truth_from_entries((1,), {7: "cat"}, [{"image_id": 1, "category_id": 7, **box}])


def test_detections_on_a_crowd_count_neither_way():
    truth = truth_from_entries((1,), {7: "cat"}, [box_of(1, 7, A, number=1), box_of(1, 7, FAR, crowd=1, number=2)])
    scores = score_entries(truth, [found(1, 7, FAR, 0.9), found(1, 7, [205, 205, 10, 10], 0.8), found(1, 7, A, 0.7)])
    np.testing.assert_allclose(scores.AP, 1)
    assert scores.per_class["cat"]["boxes"] == 1


def test_only_the_best_hundred_detections_of_an_image_count(two_boxes):
    noise = [found(1, 7, [300 + i, 300, 5, 5], 0.9) for i in range(100)]
    assert score_entries(two_boxes, [*noise, found(1, 7, A, 0.1)]).AP == 0.0
    assert score_entries(two_boxes, [*noise[:99], found(1, 7, A, 0.1)]).AP > 0.0


def test_json_has_every_number_in_order_at_full_precision(two_boxes, tmp_path):
    scores = score_entries(two_boxes, [found(1, 7, A, 0.9), found(1, 7, FAR, 0.8), found(1, 7, B, 0.7)])
    scores.save(tmp_path / "new" / "evaluation.json")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["evaluation.json"]
    content = json.loads((tmp_path / "new" / "evaluation.json").read_text())
    assert list(content) == [*METRICS, "per_class", "intervals"]  # of a single image
    assert content["AP"] == scores.AP


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image_id": 99}, "image_id 99"),
        ({"image_id": [1]}, "image_id [1]"),
        ({"category_id": 8}, "category_id 8"),
        ({"score": math.nan}, "score nan"),
        ({"score": "0.5"}, "score '0.5'"),
        ({"bbox": [1, 2, 3]}, "bbox [1, 2, 3]"),
        ({"bbox": [1, 2, math.inf, 4]}, "bbox"),
        ({"bbox": [1, 2, -3, 4]}, "bbox"),
    ],
)
def test_a_bad_entry_is_named(two_boxes, change, named):
    with pytest.raises(BadInput) as caught:
        score_entries(two_boxes, [found(1, 7, A, 0.9), found(1, 7, A, 0.9) | change], "results.json")
    assert "results.json: entry 1" in str(caught.value)
    assert named in str(caught.value)


def test_missing_keys_and_wrong_kinds_are_named(two_boxes):
    with pytest.raises(BadInput, match="entry 0 lacks category_id, score; it has image_id, bbox"):
        score_entries(two_boxes, [{"image_id": 1, "bbox": A}])
    with pytest.raises(BadInput, match="entry 0 is a string"):
        score_entries(two_boxes, ["image"])


def test_numbers_of_numpy_are_numbers(two_boxes):
    entry = found(1, 7, list(np.array(A, np.float64)), np.float64(0.5))
    assert score_entries(two_boxes, [entry]) == score_entries(two_boxes, [found(1, 7, A, 0.5)])
    with pytest.raises(BadInput, match=r"entry 0 \(image 1\) has score True"):
        score_entries(two_boxes, [found(1, 7, A, True)])


def test_unknown_ids_of_many_are_not_all_listed():
    truth = truth_from_entries(range(1000), {7: "cat"}, [])
    with pytest.raises(BadInput, match="not one of the 1000 in the annotations") as caught:
        score_entries(truth, [found(5000, 7, A, 0.5)])
    assert len(str(caught.value)) < 300


def test_results_file_must_be_a_list(tmp_path):
    path = tmp_path / "results.json"
    with pytest.raises(BadInput, match="Cannot read"):
        read_detections(path)
    path.write_text("{")
    with pytest.raises(BadInput, match="not JSON"):
        read_detections(path)
    path.write_text('{"annotations": []}')
    with pytest.raises(BadInput, match="got an object"):
        read_detections(path)
    path.write_text("null")
    with pytest.raises(BadInput, match="got null"):
        read_detections(path)


def test_truth_from_records():
    boxes = np.array([[10, 10, 30, 30], [5, 6, 8, 16]], np.float32)
    first = Record(Path("a.jpg"), 11, 100, 80, boxes, np.array([1, 0], np.int32), np.array([False, True]),
                   np.array([123.5, 30.0]))  # fmt: skip
    empty = Record(Path("b.jpg"), 4, 9, 9, np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool),
                   np.zeros(0))  # fmt: skip
    truth = truth_from_records(records_of([empty, first]), ("cat", "dog"), (9, 3))
    assert truth.image_ids.tolist() == [4, 11]
    assert truth.category_ids.tolist() == [3, 9]
    assert truth.names == ("dog", "cat")
    assert truth.images.tolist() == [1, 1]
    assert truth.categories.tolist() == [0, 1]  # labels 1 and 0: dog, cat
    assert truth.boxes.tolist() == [[10, 10, 20, 20], [5, 6, 3, 10]]
    assert truth.areas.tolist() == [123.5, 30.0]
    assert truth.crowd.tolist() == [False, True]


def write(path: Path, **content) -> Path:
    complete = {"images": [{"id": 1}], "categories": [{"id": 7, "name": "cat"}], "annotations": []}
    path.write_text(json.dumps(complete | content))
    return path


def test_annotation_with_id_zero_counts(tmp_path):
    """pycocotools mistakes a match with the annotation 0 for no match."""
    annotation = {"id": 0, "image_id": 1, "category_id": 7, "bbox": A}
    truth = truth_from_file(write(tmp_path / "truth.json", annotations=[annotation]))
    scores = score_entries(truth, [found(1, 7, A, 0.5)])
    np.testing.assert_allclose(scores.AP, 1)
    assert 'has the id 0, which pycocotools takes for "no match"' in scores.notes[0]


def test_annotations_of_one_id_count_each_and_are_named(tmp_path):
    """pycocotools takes the last one twice."""
    annotations = [{"id": 4, "image_id": 1, "category_id": 7, "bbox": bbox} for bbox in (A, FAR)]
    truth = truth_from_file(write(tmp_path / "truth.json", annotations=annotations))
    np.testing.assert_allclose(score_entries(truth, [found(1, 7, A, 0.5), found(1, 7, FAR, 0.5)]).AP50, 1)
    assert ": 1 id is of several annotations, the first 4." in truth.notes[0]


def test_two_categories_of_one_name_stay_apart(tmp_path):
    categories = [{"id": 1, "name": "cat"}, {"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}]
    truth = truth_from_file(write(tmp_path / "truth.json", categories=categories))
    assert dict(zip(truth.category_ids.tolist(), truth.names, strict=True)) == {
        1: "cat (id 1)",
        5: "cat (id 5)",
        6: "dog",
    }


def test_no_two_categories_get_one_name(tmp_path):
    names = {1: "a", 2: "a", 3: "a (id 1)"}
    categories = [{"id": number, "name": name} for number, name in names.items()]
    truth = truth_from_file(write(tmp_path / "truth.json", categories=categories))
    assert truth.names == ("a (id 1) (id 1)", "a (id 2)", "a (id 1) (id 3)")


def test_a_category_id_has_one_name(tmp_path):
    categories = [{"id": 1, "name": "cat"}, {"id": "1", "name": "dog"}]
    with pytest.raises(BadInput, match=r"categories\[1\]: the id '1' is that of 'cat' and of 'dog'\. Change one\."):
        truth_from_file(write(tmp_path / "truth.json", categories=categories))


@pytest.mark.parametrize("number", [10**400, float("inf"), True, None, "1"])
def test_a_score_that_is_no_number_is_bad_input(two_boxes, number):
    with pytest.raises(BadInput, match=r"entry 0 \(image 1\) has score .*; expected a number\."):
        score_entries(two_boxes, [found(1, 7, A, number)])


@pytest.mark.parametrize("number", [True, None, 1.5, [1], 10**4000, "a\0b"])
def test_an_id_that_is_none_is_bad_input(tmp_path, number):
    annotation = {"id": 0, "image_id": number, "category_id": 7, "bbox": A}
    with pytest.raises(BadInput, match="expected integers or strings as ids, got "):
        truth_from_file(write(tmp_path / "truth.json", annotations=[annotation]))


def test_boxes_of_unlisted_images_are_left_out_and_said(tmp_path):
    annotations = [{"image_id": image, "category_id": 7, "bbox": A} for image in (1, 2, 3)]
    truth = truth_from_file(write(tmp_path / "truth.json", annotations=annotations))
    assert len(truth) == 1
    assert truth.notes[0].endswith(": boxes of an image that the file does not list were left out (2).")
    assert score_entries(truth, []).notes == truth.notes


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"images": None}, "'images' is missing"),
        ({"images": []}, "lists no images"),
        ({"images": [{}]}, r"images\[0\]: expected an object with 'id'"),
        ({"categories": [{"id": 1}]}, r"categories\[0\]: expected an object with 'name'"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "id": 44}]}, r"annotations\[0\]: .*'bbox'"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "id": 44, "bbox": "x"}]}, r"annotations\[0\] \(id 44\)"),
    ],
)
def test_bad_annotation_file_names_the_entry(tmp_path, content, named):
    with pytest.raises(BadInput, match=named):
        truth_from_file(write(tmp_path / "truth.json", **content))


def test_annotation_file_must_be_readable_json(tmp_path):
    with pytest.raises(BadInput, match="Cannot read"):
        truth_from_file(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(BadInput, match="expected a COCO annotation file"):
        truth_from_file(tmp_path / "list.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BadInput, match="is not JSON"):
        truth_from_file(tmp_path / "broken.json")


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_are_those_of_pycocotools_to_the_last_bit(seed):
    """Boxes of few sizes in few places, so that overlaps, areas and scores are often equal; crowds; strings as ids."""
    rng = np.random.default_rng(seed)
    images = [f"image {number}" for number in range(12)]

    def draw(count):
        corners, sides = 8 * rng.integers(0, 8, (count, 2)), 8 * rng.integers(1, 20, (count, 2))
        boxes = np.concatenate([corners, sides], axis=1).astype(float).tolist()
        return zip(rng.choice(images, count).tolist(), rng.choice([9, 2, 5], count).tolist(), boxes, strict=True)

    annotations = [box_of(*row, crowd=int(rng.random() < 0.1)) for row in draw(80)]
    truth = truth_from_entries(images, {9: "cat", 2: "dog", 5: "cow", 1: "none"}, annotations)
    detections = from_entries([found(*row, float(rng.integers(1, 5)) / 4) for row in draw(600)])
    ours, theirs = score(truth, detections), score(truth, detections, reference=True)
    assert ours.AP > 0
    assert ours.to_json() == theirs.to_json()
    for name, precision in theirs.curves.precisions.items():
        np.testing.assert_array_equal(ours.curves.precisions[name], precision)
        np.testing.assert_array_equal(ours.curves.confidences[name], theirs.curves.confidences[name])


def test_a_class_is_scored_over_the_images_in_which_it_was_looked_for():
    """Cats were looked for in images 1 and 2, dogs in 2 and 3; the ids are in another order than the labels.

    A dog that is found in image 1 may be one. In image 3 there is a cat that is annotated all the same, and one that
    may be there. Counted is one cat of two, and for dogs a detection that is wrong before one that is right.
    """
    cat, dog = 0, 1
    rows = [([A], [cat]), ([A, B], [cat, dog]), ([A], [cat])]
    looked_for = [[True, False], [True, True], [False, True]]
    images = []
    for number, ((boxes, labels), row) in enumerate(zip(rows, looked_for, strict=True), 1):
        corners = np.array([[x, y, x + width, y + height] for x, y, width, height in boxes], np.float32)
        count, areas = len(boxes), np.array([width * height for _, _, width, height in boxes], np.float64)
        state = np.array(labels), np.zeros(count, bool), areas, np.array(row)
        images.append(Record(Path(f"{number}.jpg"), number, 300, 300, corners, *state))
    truth = truth_from_records(records_of(images), ("cat", "dog"), (9, 4))
    entries = [
        found(1, 9, A, 0.9),
        found(1, 4, FAR, 0.9),
        found(2, 4, FAR, 0.8),
        found(2, 4, B, 0.7),
        found(3, 9, FAR, 0.9),
    ]
    scores = score_entries(truth, entries)
    assert scores.per_class["cat"]["AP50"] == pytest.approx(51 / 101)
    assert scores.per_class["dog"]["AP50"] == pytest.approx(1 / 2)
    assert (scores.per_class["cat"]["images"], scores.per_class["cat"]["boxes"]) == (2, 2)
    assert scores.confusion.names == ("dog", "cat")  # by id
    np.testing.assert_array_equal(scores.confusion.counts, [[1, 0, 0], [0, 1, 1], [1, 0, 0]])
    partly = "Not all classes were looked for in all 3 images; these are scored where they were"
    assert scores.notes == (f"{partly}: dog in 2, cat in 2.",)
    assert score_entries(truth, entries, "x").to_json() == score(truth, from_entries(entries), reference=True).to_json()
