"""Messages at the end of a run, for models that have learnt and for others."""

import math
from pathlib import Path

import pytest

from detect.training.reporting.ending import Ending, advice, next_commands, summary


def ending(**values) -> Ending:
    numbers = {"seconds": 750.0, "updates": 1240, "epochs": 31.0, "best": 0.4119, "best_epoch": 27.06}
    return Ending(Path("runs/a"), "my data", "yolox-s", **{**numbers, **values})


def test_a_run_in_a_sentence_or_two():
    assert summary(ending()) == "Trained for 12m30s: 1240 updates in 31.0 epochs. Best AP 0.412, in epoch 27.1."
    assert "12m30s: 1 update in" in summary(ending(updates=1))
    assert summary(ending(best=math.nan)) == "Trained for 12m30s: 1240 updates in 31.0 epochs."


def test_the_next_commands_can_be_copied():
    assert next_commands(ending()) == (
        "detect predict runs/a IMAGES_OR_VIDEOS",
        "detect export runs/a --data 'my data'",
    )
    assert next_commands(ending(best=0.0, updates=24, epochs=3.0)) == (
        "detect data check 'my data'",
        "detect train --data 'my data' --model yolox-s --weights runs/a --epochs 75",
    )


@pytest.mark.parametrize("best", [0.01, 0.5, math.nan])
def test_no_advice_for_a_model_that_has_learnt(best):
    assert advice(ending(best=best, updates=10)) == ""


def test_few_updates_are_said_to_be_few():
    """24 updates in 3 epochs are 8 in each, and 600 take 75."""
    text = advice(ending(best=0.00042, updates=24, epochs=3.0))
    assert text.startswith(
        "The model has learnt next to nothing: its best AP is 0.0004 after 24 updates. 600 updates or"
    )
    assert "--epochs 75 or more" in text


def test_after_many_updates_it_is_something_else():
    assert "check the dataset, and try a lower learning rate" in advice(ending(best=0.0, updates=600))
