import json
from dataclasses import replace

from detect.data.doctor.dataset_check import Severity
from detect.data.readers.description import open_dataset


def coco(path, boxes, **more) -> str:
    """Write a COCO file with one image, which has the given boxes, and return its path."""
    annotations = [{"id": row, "image_id": 1, "category_id": 1, "bbox": box, **more} for row, box in enumerate(boxes)]
    images, categories = [{"id": 1, "file_name": "0.png"}, {"id": 2, "file_name": "1.png"}], [{"id": 1, "name": "a"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return str(path)


def errors(found) -> set[str]:
    return {code for code, findings in found.items() if findings[0].severity is Severity.ERROR}


def test_nothing_is_refused(dataset_of, grid, found):
    assert not errors(found(dataset_of(train=[grid(1), grid(1)])))


def test_no_training_images(dataset_of, grid, found):
    dataset = dataset_of(val=[grid(25)])
    (finding,) = found(dataset)["no-training-images"]
    assert str(finding).startswith("train: there are no images to train on: there is no split of this name. Name a")
    (finding,) = found(replace(dataset, refused={"train": "images/train was not found."}))["no-training-images"]
    assert finding.what.endswith("train on: images/train was not found")


def test_a_validation_split_that_cannot_be_used(dataset_of, grid, found):
    by_code = found(replace(dataset_of(train=[grid(1)]), refused={"val": "images/val was not found."}))
    (finding,) = by_code["refused-validation"]
    assert finding.what == "this split cannot be used: images/val was not found"
    assert errors(by_code) == {"refused-validation"}  # and not that a single image cannot be divided
    assert "no-validation-images" not in by_code


def test_too_much_lost(tmp_path, write_image, found):
    for number in range(2):
        write_image(tmp_path / f"{number}.png", 100, 100)
    dataset = open_dataset(coco(tmp_path / "train.json", [[0, 0, 50, 50], [0, 0, 10, 10], [200, 200, 10, 10]]))
    (finding,) = found(dataset)["too-much-lost"]
    assert finding.what.startswith("0 of 2 images (0.0%) and 1 of 3 boxes (33.3%) cannot be used, and at most 10%")
    assert "too-much-lost" not in found(dataset, max_lost=0.34)


def test_images_that_cannot_be_decoded_are_lost(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(1)] * 5)
    path = dataset.splits["train"].image_path(1)
    data = bytearray(path.read_bytes())
    middle = data.index(b"IDAT") + 10
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    by_code = found(dataset)
    assert by_code["too-much-lost"][0].what.startswith("1 of 5 images (20.0%) and 1 of 5 boxes (20.0%)")
    assert by_code["unreadable-image"][0].examples[0].where.startswith(f"{path}: ")
    assert not errors(found(dataset, decode=False))
    assert dataset.problems["train"].lost_images == 0  # the dataset itself is not changed


def test_boxes_that_are_all_ignored(tmp_path, write_image, found):
    for number in range(2):
        write_image(tmp_path / f"{number}.png", 100, 100)
    by_code = found(open_dataset(coco(tmp_path / "train.json", [[0, 0, 50, 50]], iscrowd=1)))
    assert "all boxes (1) are marked as crowd regions" in by_code["nothing-to-learn"][0].what


def test_no_boxes(dataset_of, found):
    assert "no image has a box" in found(dataset_of(train=[[], []]))["nothing-to-learn"][0].what


def test_one_image_cannot_be_divided(dataset_of, grid, found):
    (finding,) = found(dataset_of(train=[grid(25)]))["not-divisible"]
    assert finding.what == "no validation split, and 1 training image cannot be divided"
    assert "not-divisible" not in found(dataset_of(train=[grid(25)], val=[grid(25)]))


def test_losses_of_a_split_that_training_does_not_use(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(1), grid(1)], test=[grid(1), grid(1)])
    dataset.splits["test"].image_path(0).write_bytes(b"damaged")
    by_code = found(dataset)
    assert by_code["unreadable-image"][0].split == "test"
    assert not errors(by_code)
