"""The plan of the trials: what is tried, and how the time is divided."""

import pytest

from detect.advice.trial_plan import (
    LEAST_UPDATES,
    LOADING,
    STARTING,
    Pace,
    candidates,
    curve,
    pace,
    seconds_of_trial,
)
from detect.errors import BadInput
from detect.training.settings import TrainingSettings


def settings(**values):
    return TrainingSettings(**{"data": "x", "model": "yolox-nano", "image_size": 320, **values})


def test_the_pace_is_that_of_the_run():
    rows = [
        {"kind": "train", "time": 0.0, "images_per_second": 1.0},  # compiles
        {"kind": "train", "time": 5.0, "images_per_second": 20.0},
        {"kind": "val", "time": 12.0},
        {"kind": "train", "time": 17.0, "images_per_second": 20.0},
        {"kind": "val", "time": 20.0},
    ]
    assert pace(rows, settings(batch_size=16, accumulate=2), -30.0) == Pace(start=30.0, update=32 / 20, validation=3.0)
    assert pace(rows, settings(), 9e9).start == STARTING  # the folder was copied
    with pytest.raises(BadInput, match="train for longer"):
        pace([], settings(), 0.0)


def test_time_is_divided_among_all_trials():
    fast = Pace(start=20.0, update=0.1, validation=1.0)
    least = 20 + 0.1 * LEAST_UPDATES + 5 + LOADING
    assert fast.least == least
    assert fast.updates(least) == LEAST_UPDATES
    assert fast.updates(least + 5) == LEAST_UPDATES + 50
    assert seconds_of_trial(1000, 4, fast) == 100  # two learning curves of three, and four
    assert seconds_of_trial(9 * least, 4, fast) == pytest.approx(9 * least / 7)  # one learning curve


def test_the_least_time_is_said():
    slow = Pace(start=20.0, update=1.0, validation=5.0)
    with pytest.raises(BadInput, match=r"--max-time: 600s .* 7 trials of 100 updates each. Give 19m or more"):
        seconds_of_trial(600, 4, slow)
    assert seconds_of_trial(19 * 60, 4, slow)


def test_the_first_trial_has_all_images():
    assert [(trial.name, trial.share, trial.seed) for trial in curve(1)] == [
        ("images-100-seed-1", 1.0, 1),
        ("images-25-seed-1", 0.25, 1),
        ("images-50-seed-1", 0.5, 1),
    ]


def test_candidates_are_larger_images_and_the_next_model():
    size, model = candidates(settings(sizes=(288, 320)), random=False)
    assert size.changes == {"image_size": 480, "sizes": (448, 480)}
    assert model.changes == {"model": "yolox-tiny", "weights": "auto", "architecture": {}}


def test_a_run_from_random_weights_is_compared_with_published_ones():
    assert [trial.text for trial in candidates(settings(model="fcos-r101"), random=True)[1:]] == ["yolox-nano"]
    assert [trial.text for trial in candidates(settings(model="mine.py:Mine"), random=False)[1:]] == []


def test_sides_suit_the_model():
    (size, *_) = candidates(settings(image_size=64), random=False)
    assert size.changes["image_size"] == 96
