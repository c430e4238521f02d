"""Sharing the images of an update among another number of devices: the numbers, by hand."""

import pytest

from detect.errors import BadInput
from detect.training.settings import TrainingSettings
from detect.training.start.shared_batch import describe_sharing, shared_by


def shared(there: int, **settings) -> tuple[int, int, bool]:
    """Return batch size, passes, and whether statistics are over all devices, of which so many are `there`."""
    result = shared_by(TrainingSettings(data="d", **settings), there)
    assert result.devices == there
    return result.images_per_batch, result.accumulate, result.is_synchronized


def test_the_same_devices_change_nothing():
    settings = TrainingSettings(data="d", devices=2, batch_size=3)
    assert shared_by(settings, 2) is settings
    undecided = TrainingSettings(data="d", batch_size=3)
    assert shared_by(undecided, 5) is undecided


@pytest.mark.parametrize(
    ("devices", "expected"), [(1, (6, 2, True)), (2, (3, 2, True)), (3, (2, 2, True)), (6, (1, 2, True))]
)
def test_with_statistics_over_all_devices_they_divide_each_batch(devices, expected):
    assert shared(devices, devices=2, batch_size=3, accumulate=2) == expected


def test_statistics_stay_over_all_devices_though_the_batches_are_large_enough():
    assert shared(2, devices=4, batch_size=8) == (16, 1, True)


@pytest.mark.parametrize(("devices", "expected"), [(1, (16, 4, False)), (4, (16, 1, False)), (8, (4, 2, False))])
def test_with_statistics_of_each_device_batches_keep_their_size_where_they_can(devices, expected):
    assert shared(devices, devices=2, batch_size=16, accumulate=2) == expected


def test_what_cannot_be_shared_equally_is_refused():
    message = "6 images .3 on each of 2 devices., which 4 devices cannot share equally. Train on 1, 2, 3, 6 devices"
    with pytest.raises(BadInput, match=message):
        shared(4, devices=2, batch_size=3)


def test_the_user_is_told_who_shares():
    settings = shared_by(TrainingSettings(data="d", devices=2, batch_size=16), 1)
    assert (
        describe_sharing(settings) == "Batches: on 1 device, 16 images each, in 2 passes, which are as many as before."
    )
