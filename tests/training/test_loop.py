"""What happens around the compiled step, with a step, a stream and a clock that do nothing."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from detect.errors import RunFailure
from detect.structures import Batch
from detect.training import loop as subject
from detect.training.checkpoints import Position
from detect.training.display import SilentDisplay
from detect.training.loop import Loop, clock, train, validation_due
from detect.training.schedule import StepBudget, TimeBudget
from detect.training.settings import TrainingSettings


class Stream:
    """Empty pictures; remembers how it was started."""

    steps_per_epoch = 2.0
    images_per_step = 2

    def __init__(self):
        self.starts = []

    def start(self, step, strong):
        self.starts.append((step, strong))
        while True:
            yield Batch(np.zeros((2, 32, 32, 3), np.uint8), None, None)

    def image_paths(self, step):
        return [f"picture_{step}.jpg"]


class Step:
    """Gives losses from a list, then ones; remembers the learning rates."""

    def __init__(self, losses=()):
        self.losses = iter(losses)
        self.rates = []
        self.detector = SimpleNamespace(closing=tf.Variable(0.0))

    def __call__(self, batches, size, learning_rate, decay):
        self.rates.append(learning_rate)
        return {"box": next(self.losses, 1.0)}


class Validate:
    """Counts validations as the real one does, and asks `decide` whether to stop; remembers the checkpoints."""

    def __init__(self, decide, validations):
        self.decide = decide
        self.validations = validations
        self.saved = []

    def __call__(self, position):
        position.validations = int(position.progress * self.validations)
        return self.decide(position)

    def save(self, position):
        self.saved.append(position.step)


def a_loop(steps=8, losses=(), validate=lambda position: False, **settings) -> Loop:
    settings = TrainingSettings(data="d", batch_size=2, validations=4, **settings)

    return Loop(
        settings=settings,
        stream=Stream(),
        step=Step(losses),
        budget=StepBudget(steps),
        position=Position(),
        validate=Validate(validate, settings.validations),
        journal=SimpleNamespace(write=lambda *row: None),
        display=SilentDisplay(),
    )


def test_every_step_is_made_and_validations_are_spread_evenly():
    seen = []
    loop = a_loop(validate=lambda position: seen.append(position.step) is not None)
    train(loop)
    assert len(loop.step.rates) == 8
    assert seen == [2, 4, 6, 8]


def test_mixing_stops_in_the_closing_part():
    loop = a_loop(schedule={"closing": 0.25})
    train(loop)
    assert loop.stream.starts == [(0, True), (6, False)]
    assert float(loop.step.detector.closing) == 1


def test_a_resumed_loop_starts_where_it_was():
    loop = a_loop()
    loop.position = Position(step=7, progress=7 / 8, validations=3)
    train(loop)
    assert loop.stream.starts == [(7, False)]
    assert len(loop.step.rates) == 1


def test_validation_may_stop_the_run():
    loop = a_loop(validate=lambda position: position.step >= 4)
    train(loop)
    assert len(loop.step.rates) == 4


def test_checkpoints_are_written_between_validations():
    loop = a_loop(checkpoint_seconds=0)
    train(loop)
    assert loop.validate.saved == [1, 3, 5, 7]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_loss_is_reported_with_its_step_and_never_validated(bad):
    seen = []
    loop = a_loop(losses=[1.0, 1.0, 1.0, bad], validate=lambda position: seen.append(position.step) is not None)
    with pytest.raises(RunFailure, match=r"(?s)step 3.*none yet.*picture_3\.jpg"):
        train(loop)
    assert seen == [2]


def test_a_validation_is_due_once_for_each_share():
    budget = StepBudget(10)
    assert not validation_due(Position(progress=0.24), 4, budget)
    assert validation_due(Position(progress=0.25), 4, budget)
    assert not validation_due(Position(progress=0.3, validations=1), 4, budget)
    assert validation_due(Position(progress=0.1 + 0.2, validations=2), 10, budget)  # 0.30000000000000004


@pytest.mark.parametrize(("given", "count"), [({}, 30), ({"epochs": 100}, 30), ({"epochs": 6.5}, 6),
                                              ({"epochs": 0.5}, 1), ({"epochs": 2, "validations": 8}, 8)])  # fmt: skip
def test_an_epoch_has_one_validation_at_most_unless_told_otherwise(given, count):
    assert TrainingSettings(data="d", **given).validation_count == count


def test_under_a_time_limit_validations_wait_for_training():
    budget = TimeBudget(seconds=100, pause=2)
    assert not validation_due(Position(progress=0.5, seconds=30, saved_seconds=10), 4, budget)  # 20 of 24 seconds
    assert validation_due(Position(progress=0.5, seconds=30, saved_seconds=6), 4, budget)
    assert validation_due(Position(progress=1, seconds=30, saved_seconds=10), 4, budget)  # the last one always


def test_numbers_reach_the_journal(monkeypatch):
    monkeypatch.setattr(subject, "SECONDS_BETWEEN_ROWS", 0.0)
    rows = []
    loop = a_loop(losses=[2.0, 3.0], steps=2)
    loop.journal = SimpleNamespace(write=lambda kind, step, epoch, values: rows.append((step, values["loss"])))
    train(loop)
    assert rows == [(0, 2.0), (1, 3.0)]


@pytest.mark.parametrize(("seconds", "text"), [(5, "0m05s"), (61, "1m01s"), (3600, "1h00m"), (7384, "2h03m")])
def test_clock(seconds, text):
    assert clock(seconds) == text
