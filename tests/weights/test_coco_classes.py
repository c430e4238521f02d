"""The classes of COCO, compared with files of other projects."""

import json

from detect.weights import coco_classes as coco


def test_names_and_ids_are_those_of_a_coco_file(fixtures):
    annotations = json.loads((fixtures / "coco" / "instances_val2014_100.json").read_text())
    categories = annotations["categories"]
    assert tuple(category["name"] for category in categories) == coco.NAMES
    assert tuple(category["id"] for category in categories) == coco.IDS


def test_there_are_80_classes_with_ids_up_to_90():
    assert len(set(coco.NAMES)) == len(coco.IDS) == 80
    assert (coco.IDS[0], coco.IDS[-1]) == (1, 90)
    assert (coco.NAMES[0], coco.NAMES[-1]) == ("person", "toothbrush")
    assert dict(zip(coco.IDS, coco.NAMES, strict=True))[13] == "stop sign"  # 12 was never annotated


def test_unused_ids_have_names_of_their_own():
    assert tuple(range(1, 91)) == coco.IDS_90
    assert len(set(coco.NAMES_90)) == 90
    assert coco.NAMES_90[11:13] == ("unused 12", "stop sign")
    assert [name for name in coco.NAMES_90 if not name.startswith("unused")] == list(coco.NAMES)
