import json
from dataclasses import replace

import pytest

from detect.data.readers.description import open_dataset


def test_nothing_to_score(dataset_of, grid, found):
    by_code = found(dataset_of(train=[grid(1)], val=[[], []]))
    assert by_code["nothing-to-score"][0].what == "images with a box to find: none of 2"
    assert "classes-without-boxes" not in {code for code, (one, *_) in by_code.items() if one.split == "val"}


def test_no_validation_images(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(1), grid(1)])
    (finding,) = found(dataset)["no-validation-images"]
    assert finding.what == "there are no images for validation"
    assert "no-validation-images" not in found(dataset_of(train=[grid(1)], val=[grid(1)]))


def test_refused_splits(dataset_of, grid, found):
    dataset = replace(dataset_of(train=[grid(1), grid(1)]), refused={"test": "images/test was not found."})
    assert found(dataset)["refused-splits"][0].what == "this split is left out: images/test was not found"


def test_few_images_to_score(dataset_of, grid, found):
    by_code = found(dataset_of(train=[grid(1)], val=[grid(1)] * 19 + [[]]))
    assert by_code["few-images-to-score"][0].what == "images with boxes: 19"
    assert "few-images-to-score" not in found(dataset_of(train=[grid(1)], val=[grid(1)] * 20))


@pytest.mark.parametrize(
    ("missing", "stated", "box", "evidence"),
    [
        (0, 100, [0, 0, 50, 50], ""),
        (3, 100, [0, 0, 50, 50], ""),
        (4, 100, [0, 0, 50, 50], "40% of the images are missing"),
        (0, 200, [0, 0, 50, 50], "100% of the images have another size than stated"),
        (0, 100, [60, 60, 60, 60], "100% of the boxes leave their images"),
    ],
)
def test_annotations_of_other_images(tmp_path, write_image, found, missing, stated, box, evidence):
    for number in range(10 - missing):
        write_image(tmp_path / f"{number}.png", 100, 100, 20 * number)
    images = [{"id": row, "file_name": f"{row}.png", "width": stated, "height": 100} for row in range(10)]
    annotations = [{"id": row, "image_id": row, "category_id": 1, "bbox": box} for row in range(10)]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "train.json").write_text(json.dumps(content))
    by_code = found(open_dataset(tmp_path / "train.json"))
    assert ("other-images" in by_code) == bool(evidence)
    if evidence:
        assert by_code["other-images"][0].what.endswith(f": {evidence}")
