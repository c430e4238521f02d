"""The export doctor: what layers cost, and the fewest that have to stay in float32."""

import itertools

import numpy as np
import pytest

from detect.artefacts.export_card import Layer
from detect.artefacts.network import Product, Values
from detect.export import doctor
from detect.export.doctor import layers_of, treated

WORTH = {"stem": 0.01, "stage": 0.04, "neck": 0.02, "head": 0.001}  # AP that each brings back
LOST = 0.30 - 0.001  # AP without any of them


def layer(name, added=0.2, multiply_adds=0.05, weights=0.05):
    return Layer(name=name, error=added, added=added, multiply_adds=multiply_adds, weights=weights)


def layers(**changes):
    return [layer(name, **changes) for name in WORTH]


class Score:
    """AP that grows by the worth of each layer that is kept."""

    def __init__(self):
        self.asked = []

    def __call__(self, kept):
        self.asked.append(kept)
        return LOST + sum(WORTH[name] for name in kept)


def kept(found):
    return {layer.name for layer in found if layer.kept}


@pytest.mark.parametrize(
    ("gain", "expected"),
    [(0.035, {"stage"}), (0.055, {"stage", "neck"}), (0.065, {"stage", "neck", "stem"}), (0.071, set(WORTH))],
)
def test_the_fewest_that_are_enough_are_kept(gain, expected):
    assert kept(treated(layers(), Score(), LOST + gain - 1e-9, print)) == expected


def test_none_is_kept_where_all_are_not_enough():
    said = []
    found = treated(layers(), Score(), LOST + 0.08, said.append)
    assert said[-1].startswith(
        "None are enough: the best of 6 exports has AP 0.3700, not 0.3790"
    )  # four alone, two, and all
    assert kept(found) == set()
    assert {layer.name: round(layer.AP_alone - LOST, 6) for layer in found} == WORTH


def test_no_layers_are_looked_for_after_one_that_is_enough():
    score = Score()
    treated(layers(), score, LOST + 0.005, print)
    assert score.asked == [{"stem"}]


def test_no_export_is_scored_twice():
    score = Score()
    treated(layers(), score, LOST + 0.065, print)
    assert len(score.asked) == len(set(score.asked))


def test_those_that_are_not_needed_are_left_out_again():
    """Together, neck and stem are enough; stage, which alone brings back the most, is not needed."""

    def score(names):
        return 0.5 if {"neck", "stem"} <= names else 0.1 + 0.1 * WORTH["stage"] * len(names & {"stage"})

    assert kept(treated(layers(), score, 0.5, print)) == {"neck", "stem"}


def test_more_than_the_budget_is_never_kept():
    assert kept(treated(layers(multiply_adds=0.15), Score(), LOST + 0.05, print)) == set()
    assert kept(treated(layers(weights=0.15), Score(), LOST + 0.05, print)) == set()
    assert kept(treated(layers(weights=0.12), Score(), LOST + 0.05, print)) == {"stage", "neck"}


def test_layers_that_add_hardly_any_error_are_no_candidates():
    score = Score()
    treated([layer("stem", 0.5), layer("neck", 0.45), layer("stage", 0.05)], score, LOST + 0.04, print)
    assert "stage" not in set().union(*score.asked)


def test_nothing_is_scored_after_the_time(monkeypatch):
    """Each look at the clock takes a second."""
    ticks = itertools.count()
    monkeypatch.setattr(doctor.time, "monotonic", lambda: float(next(ticks)))
    score = Score()
    found = treated(layers(), score, LOST + 0.065, print, seconds=4)
    assert len(score.asked) < len(WORTH)
    assert kept(found) == set()


class TwoProducts:
    """a doubles its input and adds an error of 0.5; b hands both on."""

    products = {"a": Product(weights=6, channels=2), "b": Product(weights=2, channels=1)}

    def values(self, calls, kept):
        error = 0.0 if kept is None else 0.5
        for call in calls:
            doubled = 2 * call["x"]
            yield {"a": Values(call["x"], doubled + error), "b": Values(doubled + error, doubled + error)}


def test_what_layers_cost():
    """The variance of (-2, 2) is 4, the squared error 0.25; 2 values take 3 multiply-adds of a each, 2 of b."""
    calls = [{"x": np.float32([-1, 1])}] * 2
    first, second = layers_of(TwoProducts(), calls)
    assert (first.name, second.name) == ("a", "b")
    assert first.error == second.error == pytest.approx(0.25 / 4)
    assert first.added == pytest.approx(0.25 / 4)
    assert second.added == 0
    assert (first.multiply_adds, second.multiply_adds) == (pytest.approx(0.6), pytest.approx(0.4))
    assert (first.weights, second.weights) == (pytest.approx(0.75), pytest.approx(0.25))


def test_an_output_that_never_changes_has_no_error():
    calls = [{"x": np.float32([0, 0])}]
    assert [layer.error for layer in layers_of(TwoProducts(), calls)] == [0, 0]
