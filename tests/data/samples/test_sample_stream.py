from dataclasses import replace

import cv2
import numpy as np
import pytest
from records_of import records_of

from detect.data.looked_for import distinct
from detect.data.pixels.warping import blank
from detect.data.records import Record, Records
from detect.data.samples.augmentation import Augmentation
from detect.data.samples.image_cache import ImageCache
from detect.data.samples.sample_order import SampleOrder
from detect.data.samples.sample_stream import SampleStream, side_of_step


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Records:
    """Seven images of random colour, each with one box."""
    folder, images = tmp_path_factory.mktemp("samples"), []
    rng = np.random.default_rng(0)
    for number in range(7):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), np.full((24, 32, 3), rng.integers(0, 256, 3), np.uint8))
        boxes = np.array([[4, 4, 28, 20]], np.float32)
        images.append(Record(path, number, 32, 24, boxes, np.array([number]), np.array([False]), np.array([1.0])))
    return records_of(images)


def samples(records: Records, seed: int = 0, **changes) -> SampleStream:
    return SampleStream(ImageCache(records, 32, 2.0, 0), Augmentation(**changes), SampleOrder(len(records), seed))


def test_every_epoch_has_every_record_once_in_a_new_order(records):
    orders = [[samples(records).record_index(7 * epoch + place) for place in range(7)] for epoch in range(20)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len({tuple(order) for order in orders}) > 15
    other_seed = [samples(records, seed=1).record_index(place) for place in range(7)]
    assert other_seed != orders[0]


def test_a_sample_depends_on_its_position_alone(records):
    forwards, backwards = samples(records), samples(records)
    first = [forwards.sample(position, blank(32, 32)) for position in range(10)]
    second = [backwards.sample(position, blank(32, 32)) for position in reversed(range(10))][::-1]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.boxes, other.boxes)


def test_a_record_looks_different_in_the_next_epoch(records):
    made = samples(records)
    first = {made.record_index(position): made.sample(position, blank(32, 32)).image for position in range(7)}
    second = {made.record_index(position): made.sample(position, blank(32, 32)).image for position in range(7, 14)}
    assert all((first[index] != second[index]).any() for index in range(7))


def test_a_composition_names_what_a_sample_shows(records):
    made = samples(records, mosaic=1, mixup=1, scale=(0.5, 0.5), translate=0)
    for position in range(30):
        composition = made.composition(position)
        assert composition.images[0] == made.record_index(position)
        assert len(composition.images) == 4
        shown = set(made.sample(position, blank(32, 32)).labels.tolist())
        assert shown <= {*composition.images, composition.partner}
        assert shown >= set(composition.images)  # at half the scale all four are visible
        names = [path.stem for path in made.image_paths(position)]
        assert names == [str(index) for index in (*composition.images, composition.partner)]


def test_mosaics_and_mix_ups_come_as_often_as_asked(records):
    made = samples(records, mosaic=0.7, mixup=0.2)
    compositions = [made.composition(position) for position in range(700)]
    assert abs(np.mean([len(each.images) == 4 for each in compositions]) - 0.7) < 0.06
    assert abs(np.mean([each.partner is not None for each in compositions]) - 0.2) < 0.06
    single = samples(records, mosaic=0, mixup=0).composition(0)
    assert (len(single.images), single.partner) == (1, None)


def test_the_side_changes_every_ten_steps():
    sides = [side_of_step((320, 352, 384), 0, step) for step in range(300)]
    groups = [set(sides[start : start + 10]) for start in range(0, 300, 10)]
    assert all(len(group) == 1 for group in groups)
    assert set.union(*groups) == {320, 352, 384}
    assert side_of_step((320,), 0, 5) == 320


def test_images_are_mixed_with_those_in_which_their_classes_were_looked_for(records):
    """Class 0 was looked for in images 0 to 2, class 1 in images 2 to 5, and both in image 6."""
    looked_for = np.array([[image < 3, 2 <= image < 6] for image in range(6)] + [[True, True]])
    made = samples(replace(records, looked_for=distinct(looked_for)), mosaic=1, mixup=1)
    for position in range(40):
        composition = made.composition(position)
        first = composition.images[0]
        assert first == made.record_index(position)
        assert all((looked_for[other] >= looked_for[first]).all() for other in composition.all)
        np.testing.assert_array_equal(made.sample(position, blank(32, 32)).looked_for, looked_for[first])


def test_an_image_without_its_like_is_shown_alone(records):
    looked_for = np.eye(7, dtype=bool)
    made = samples(replace(records, looked_for=distinct(looked_for)), mosaic=1, mixup=1)
    assert all(made.composition(position).all == (made.record_index(position),) for position in range(20))
