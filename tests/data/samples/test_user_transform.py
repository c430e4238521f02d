import threading

import albumentations as A
import numpy as np
import pytest

from detect.data.samples.user_transform import UserTransform, load_transform
from detect.errors import BadInput, RunFailure
from detect.structures import Example


@pytest.fixture
def example() -> Example:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    image.flags.writeable = False  # as kept images are
    boxes = np.array([[0, 0, 10, 20], [12, 4, 30, 8]], np.float32)
    return Example(image, boxes, np.array([3, 1], np.int32), np.array([True, False]))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "flip",
    [
        A.HorizontalFlip(p=1),
        A.Compose([A.HorizontalFlip(p=1)]),
        A.Compose([A.HorizontalFlip(p=1)], bbox_params=A.BboxParams("yolo", label_fields=["names"])),
        A.OneOf([A.HorizontalFlip(p=1)], p=1),
        A.Compose([A.Compose([A.HorizontalFlip(p=1)])]),
    ],
)
def test_boxes_are_pixels_whatever_the_transform_was_written_for(example, flip):
    flipped = UserTransform(flip)(example, rng())
    np.testing.assert_array_equal(flipped.image, example.image[:, ::-1])
    np.testing.assert_allclose(flipped.boxes, [[20, 0, 30, 20], [0, 4, 18, 8]], atol=1e-4)
    np.testing.assert_array_equal(flipped.labels, [3, 1])
    np.testing.assert_array_equal(flipped.ignore, [True, False])
    assert flipped.boxes.dtype == np.float32


def test_boxes_that_a_crop_loses_take_their_labels_along(example):
    cropped = UserTransform(A.Crop(14, 0, 30, 20))(example, rng())
    assert cropped.image.shape == (20, 16, 3)
    np.testing.assert_allclose(cropped.boxes, [[0, 4, 16, 8]], atol=1e-4)
    np.testing.assert_array_equal(cropped.labels, [1])
    np.testing.assert_array_equal(cropped.ignore, [False])


def test_rules_about_lost_boxes_are_kept(example):
    strict = A.Compose([A.Crop(5, 0, 30, 20)], bbox_params=A.BboxParams("coco", ["x"], min_visibility=0.9))
    np.testing.assert_array_equal(UserTransform(strict)(example, rng()).labels, [1])


def test_an_example_without_boxes(example):
    nothing = Example(example.image, example.boxes[:0], example.labels[:0], example.ignore[:0])
    flipped = UserTransform(A.HorizontalFlip(p=1))(nothing, rng())
    assert flipped.boxes.shape == (0, 4)
    assert len(flipped.labels) == len(flipped.ignore) == 0


def test_the_result_depends_on_the_generator_alone(example):
    transform = UserTransform(A.Compose([A.HorizontalFlip(p=0.5), A.GaussNoise(p=1)], p=0.7))
    expected = [transform(example, rng(seed)).image for seed in range(6)]
    assert len({image.tobytes() for image in expected}) > 3
    results: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: results.update({seed: transform(example, rng(seed)).image}))
        for seed in reversed(range(6))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(6):
        np.testing.assert_array_equal(results[seed], expected[seed])


@pytest.mark.parametrize("name", ["mine.yaml", "mine.json"])
def test_a_saved_transform_does_what_it_did_before(example, tmp_path, name):
    transform = A.Compose([A.HorizontalFlip(p=1), A.RandomBrightnessContrast(p=1)])
    A.save(transform, tmp_path / name, data_format=name[-4:])
    loaded = UserTransform(load_transform(tmp_path / name))
    np.testing.assert_array_equal(loaded(example, rng()).image, UserTransform(transform)(example, rng()).image)


def test_files_that_hold_no_transform(tmp_path):
    with pytest.raises(BadInput, match=r"none\.yaml: .*No such file"):
        load_transform(tmp_path / "none.yaml")
    deep = '{"transform": ' * 2000 + "1" + "}" * 2000
    for text in (
        "a: [",
        "a: 1",
        "transform: {__class_fullname__: NoSuchThing}",
        "",
        "3",
        "transform: 2001-99-99",
        deep,
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(BadInput, match=r"bad\.yaml: expected a transform"):
            load_transform(tmp_path / "bad.yaml")


def test_something_else_is_refused():
    with pytest.raises(BadInput, match="albumentations transform, got function"):
        UserTransform(rng)


def test_an_error_in_it_names_the_image(example):
    def fail(image, **_):
        raise ZeroDivisionError("oh")

    with pytest.raises(RunFailure, match=r"cells\.png: .*ZeroDivisionError: oh"):
        UserTransform(A.Lambda(image=fail, p=1))(example, rng(), where="cells.png")


def first_channel(image, **_):
    return image[..., 0]


@pytest.mark.parametrize("transform", [A.ToFloat(p=1), A.Normalize(p=1), A.Lambda(image=first_channel, p=1)])
def test_images_of_another_type_are_refused(example, transform):
    with pytest.raises(BadInput, match=r"cells\.png: .*uint8 image \[H, W, 3\]"):
        UserTransform(transform)(example, rng(), where="cells.png")
