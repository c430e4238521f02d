"""Results files whose ids are not those of the annotations: names decide, and contradictions are refused."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.errors import BadInput
from detect.evaluation.coco_scores import score
from detect.evaluation.detections import from_entries, read_detections
from detect.evaluation.naming import find_by_names
from detect.evaluation.truth import Truth, truth_from_file
from detect.inference.result import Result
from detect.inference.sources.frames import Frame, Source
from detect.inference.writers.coco_results import CocoWriter, ResultIds, own_ids

BOX = [10, 10, 20, 20]
CLASSES = ("cat", "dog")


@pytest.fixture
def truth(tmp_path) -> Truth:
    """Images whose ids are in another order than their names, and one file that two images have."""
    names = {1: "val/b.jpg", 2: "val/a.jpg", 3: "val/00001.jpg", 4: "twice.jpg", 5: "twice.jpg"}
    return truth_of(tmp_path / "truth.json", names, [])


def truth_of(path: Path, names: dict, boxes: list) -> Truth:
    content = {
        "images": [{"id": number, "file_name": name} for number, name in names.items()],
        "categories": [{"id": 4, "name": "dog"}, {"id": 9, "name": "cat"}],
        "annotations": [{"image_id": image, "category_id": kind, "bbox": box} for image, kind, box in boxes],
    }
    path.write_text(json.dumps(content))
    return truth_from_file(path)


def ids(truth: Truth, *entries: dict) -> list[tuple]:
    complete = [{"image_id": 2, "category_id": 4, "bbox": BOX, "score": 0.5} | entry for entry in entries]
    found, _ = find_by_names(from_entries(complete), truth, "r.json")
    return list(zip(found.image_ids.tolist(), found.category_ids.tolist(), strict=True))


@pytest.mark.parametrize(
    ("entry", "image"),
    [
        ({"image_id": 77, "file_name": "a.jpg"}, 2),
        ({"image_id": "a.jpg", "file_name": "a.jpg"}, 2),
        ({"image_id": 2, "file_name": "/data/val/a.jpg"}, 2),
        ({"image_id": 1, "file_name": "00001.jpg"}, 3),  # the id is only the number in the name
        ({"image_id": 5, "file_name": "twice.jpg"}, 5),
        ({"image_id": 4, "file_name": None}, 4),
        ({"image_id": 4.0}, 4),
    ],
)
def test_the_name_decides(truth, entry, image):
    assert ids(truth, entry) == [(image, 4)]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"image_id": 1, "file_name": "a.jpg"},
            r"entry 1 has file_name 'a\.jpg' and image_id 1, but in the annotations this name is 'val/a\.jpg' "
            r"\(image_id 2\), and this id 'val/b\.jpg'\. Predict with --data",
        ),
        ({"image_id": 1, "file_name": "x.jpg"}, r"have no 'x\.jpg': theirs with this id is 'val/b\.jpg'"),
        ({"image_id": 99, "file_name": "x.jpg"}, r"have no 'x\.jpg'\. Are these predictions of another dataset"),
        (
            {"image_id": 3, "file_name": "clip.mp4", "frame": 7},
            r"have no 'clip\.mp4': .* without file_name are matched",
        ),
        ({"image_id": 1, "file_name": "twice.jpg"}, r"may be 'twice\.jpg' \(image_id 4\) or 'twice\.jpg'"),
        (
            {"category_name": "cat"},
            r"category_name 'cat' and category_id 4, .*'cat' \(category_id 9\), and this id 'dog'",
        ),
        ({"category_name": "cow"}, "have no 'cow': theirs with this id is 'dog'"),
    ],
)
def test_contradictions_name_both(truth, entry, message):
    with pytest.raises(BadInput, match=message):
        ids(truth, {"file_name": "a.jpg"}, entry)


def test_an_unknown_id_without_a_name_is_named(truth):
    with pytest.raises(BadInput, match="entry 1 has image_id 99"):
        ids(truth, {"file_name": "a.jpg"}, {"image_id": 99})


def test_classes_that_only_the_predictions_have_are_left_out_and_said(truth):
    entries = [{"category_id": 70, "category_name": "cow"}, {"category_id": 71, "category_name": "cat"}]
    complete = [{"image_id": 2, "bbox": BOX, "score": 0.5, **entry} for entry in entries]
    found, notes = find_by_names(from_entries(complete), truth, "r.json")
    assert found.category_ids.tolist() == [9]
    assert notes == ["Left out of the scores, because only the predictions have these classes: cow."]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image_id": 1.5}, "entry 1 has image_id 1.5; expected an integer or a string"),
        ({"image_id": True}, "entry 1 has image_id True"),
        ({"category_id": None}, "entry 1 has category_id None"),
    ],
)
def test_ids_that_cannot_be_used(truth, change, named):
    with pytest.raises(BadInput, match=named):
        ids(truth, {}, change)


@pytest.mark.parametrize("unknown", [2**70, "a.jpg", -1, 99])
def test_ids_that_are_unknown(truth, unknown):
    found = from_entries([{"image_id": number, "category_id": 4, "bbox": BOX, "score": 0.5} for number in (1, unknown)])
    with pytest.raises(
        BadInput, match=f"r.json: entry 1 has image_id '?{unknown}'?, which the annotations do not have"
    ):
        score(truth, found, "r.json")


def test_ids_of_annotations_are_keys(tmp_path):
    texts = truth_of(tmp_path / "t.json", {"1": "a.jpg", "02": "b.jpg"}, [(1, 4.0, BOX), ("1.0", 9, BOX)])
    assert (texts.image_ids.tolist(), texts.images.tolist(), texts.categories.tolist()) == (["02", "1"], [1, 1], [0, 1])
    numbers = truth_of(tmp_path / "t.json", {1.0: "a.jpg"}, [("1", "4", BOX), ("01", "4", BOX)])
    assert (numbers.images.tolist(), numbers.categories.tolist()) == ([0], [0])
    assert "boxes of an image that the file does not list were left out (1)" in numbers.notes[0]
    found = from_entries([{"image_id": "1", "category_id": "4", "bbox": BOX, "score": 0.5}])
    assert score(numbers, found).AP == score(texts, found).per_class["dog"]["AP"] == pytest.approx(1)


def test_a_flag_is_a_crowd_only_where_it_says_so(tmp_path):
    truth_of(tmp_path / "t.json", {1: "a.jpg"}, [(1, 4, BOX)] * 4)
    content = json.loads((tmp_path / "t.json").read_text())
    for entry, flag in zip(content["annotations"], ("0", "1", 0.0, None), strict=True):
        entry["iscrowd"] = flag
    (tmp_path / "t.json").write_text(json.dumps(content))
    assert truth_from_file(tmp_path / "t.json").crowd.tolist() == [False, True, False, False]


NAMES = st.lists(st.sampled_from(["1.jpg", "2.jpg", "a.jpg", "x/a.jpg", "x/1.jpg", "ü 3.png"]), min_size=1, unique=True)


@settings(deadline=None)
@given(NAMES, st.randoms(use_true_random=False), st.booleans())
def test_what_is_written_is_scored_as_it_was_found(tmp_path_factory, names, random, with_dataset):
    """Whatever ids the annotations have: the score of the file is that of its detections."""
    folder = tmp_path_factory.mktemp("results")
    numbers = dict(zip(random.sample(range(1, 20), len(names)), names, strict=True))
    boxes = [(number, random.choice((4, 9)), [5 * number, 10, 20, 20]) for number in numbers]
    truth = truth_of(folder / "truth.json", numbers, boxes)
    found = [(number, kind if random.random() < 0.7 else 13 - kind, box) for number, kind, box in boxes]
    results = [
        result(numbers[number], CLASSES[::-1].index("cat" if kind == 9 else "dog"), box) for number, kind, box in found
    ]
    sources = [item.frame.source for item in results]
    dataset = ResultIds({source.name: number for source, number in zip(sources, numbers, strict=True)}, (4, 9))
    with CocoWriter(folder / "r.json", dataset if with_dataset else own_ids(sources, (4, 9))) as writer:
        for item in results:
            writer.write(item)
    expected = from_entries(
        [{"image_id": number, "category_id": kind, "bbox": box, "score": 0.5} for number, kind, box in found]
    )
    read, _ = find_by_names(read_detections(folder / "r.json"), truth, "r.json")
    assert score(truth, read).to_json() == score(truth, expected).to_json()


def result(name: str, label: int, box: list) -> Result:
    x, y, width, height = box
    source = Source(name, "image", name.rpartition(".")[0], name, file_name=name)
    corners = np.array([[x, y, x + width, y + height]], np.float32)
    frame = Frame(source, np.zeros((4, 4, 3), np.uint8), 4, 4)
    return Result(corners, np.array([0.5], np.float32), np.array([label]), CLASSES[::-1], frame)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(2**70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
KEYS = [
    "image_id",
    "category_id",
    "bbox",
    "score",
    "file_name",
    "category_name",
    "frame",
    "id",
    "name",
    "area",
    "iscrowd",
]
USUAL = {"image_id": 1, "category_id": 4, "bbox": BOX, "score": 0.5, "id": 1, "name": "cat"}
CHANGES = st.dictionaries(st.sampled_from(KEYS), VALUES | st.just("a.jpg") | st.just("dog"), max_size=3)
ENTRIES = st.lists(st.builds(lambda changes: USUAL | changes, CHANGES) | VALUES, max_size=3)


@settings(max_examples=60, deadline=None)
@given(ENTRIES)
def test_whatever_a_results_file_holds_it_is_scored_or_refused(tmp_path_factory, entries):
    folder = tmp_path_factory.mktemp("results")
    (folder / "r.json").write_text(json.dumps(entries))
    truth = truth_of(folder / "t.json", {1: "b.jpg", 2: "a.jpg"}, [(1, 4, BOX)])
    with contextlib.suppress(BadInput):
        found, _ = find_by_names(read_detections(folder / "r.json"), truth, "r.json")
        assert score(truth, found).AP >= 0


@settings(max_examples=60, deadline=None)
@given(ENTRIES, ENTRIES, ENTRIES)
def test_whatever_an_annotation_file_holds_it_is_read_or_refused(tmp_path_factory, images, categories, annotations):
    path = tmp_path_factory.mktemp("truth") / "t.json"
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
    with contextlib.suppress(BadInput):
        truth = truth_from_file(path)
        assert len(truth.images) == len(truth.boxes) == len(truth.areas) <= len(annotations)


def test_deep_nesting_is_refused(tmp_path):
    (tmp_path / "r.json").write_text("[" * 100_000)
    for read in (read_detections, truth_from_file):
        with pytest.raises(BadInput, match="is not JSON"):
            read(tmp_path / "r.json")
