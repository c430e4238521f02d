"""Progress, learning rate, decay: numbers that can be worked out by hand."""

import itertools

import pytest

from detect.training.settings import AverageSettings, ScheduleSettings
from detect.training.updates import schedule
from detect.training.updates.schedule import StepBudget, TimeBudget, average_decay, is_closing, learning_rate

PLAIN = ScheduleSettings(warmup=0.1, warmup_power=1, final=0.1, hold=0.2, closing=0.25)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (0.0, 0.002),  # a thousandth, not zero: the first step must move
        (0.05, 1.0),  # half of the warm-up
        (0.1, 2.0),  # full
        (0.45, 0.2 + 1.8 * 0.5),  # half of the cosine: the mean of 2.0 and 0.2
        (0.8, 0.2),  # its end
        (0.9, 0.2),  # held
        (1.0, 0.2),
    ],
)
def test_learning_rate_at_landmarks(progress, expected):
    assert learning_rate(2.0, progress, PLAIN) == pytest.approx(expected)


def test_quadratic_warmup():
    settings = PLAIN.model_copy(update={"warmup_power": 2.0})
    assert learning_rate(2.0, 0.05, settings) == pytest.approx(2.0 * 0.25)


def test_cosine_never_rises_after_the_warmup():
    rates = [learning_rate(1.0, 0.1 + 0.9 * share / 50, PLAIN) for share in range(51)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))


def test_the_time_that_is_left(monkeypatch):
    """75 steps of 0.5 seconds; and of a minute, of which 10 seconds were spent before and 15 now, 35."""
    monkeypatch.setattr(schedule.time, "monotonic", lambda: 115.0)
    assert StepBudget(100).seconds_left(25, seconds_per_step=0.5) == 37.5
    budget = TimeBudget(seconds=60, spent=10, started=100.0)
    assert budget.seconds_left(25, seconds_per_step=0.5) == 35
    assert budget.seconds_left(25, seconds_per_step=9.0) == 35
    assert TimeBudget(seconds=20, spent=10, started=100.0).seconds_left(25, seconds_per_step=0.5) == 0


def test_step_budget_counts_steps():
    assert [StepBudget(4).progress(step) for step in (0, 1, 4, 5)] == [0, 0.25, 1, 1]


def test_time_budget_keeps_a_reserve_and_remembers_time_spent(monkeypatch):
    now = 100.0
    monkeypatch.setattr(schedule.time, "monotonic", lambda: now)
    budget = TimeBudget(seconds=60, spent=10, reserve=20, started=now)
    assert budget.progress(0) == pytest.approx(10 / 40)
    now = 120.0
    assert budget.elapsed() == 30
    assert budget.progress(0) == pytest.approx(30 / 40)
    now = 140.0
    assert budget.progress(0) == 1


def test_average_spans_a_share_of_the_steps_so_far():
    settings = AverageSettings(decay=0.9998)
    assert [average_decay(step, None, settings) for step in (0, 8, 80)] == [0.1, 0.5, 0.9]
    assert average_decay(10**6, None, settings) == 0.9998


def test_average_begins_anew_with_the_closing_phase_if_it_shall():
    restarted = AverageSettings(decay=0.9998, restart=True)
    assert [average_decay(step, 100, restarted) for step in (100, 108, 180)] == [0.1, 0.5, 0.9]
    assert average_decay(80, None, restarted) == 0.9
    assert average_decay(80, 80, AverageSettings()) == 0.9


def test_the_closing_phase_is_the_last_share_of_the_run():
    assert [is_closing(progress, PLAIN) for progress in (0.0, 0.74, 0.75, 1.0)] == [False, False, True, True]
