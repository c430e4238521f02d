"""Thresholds of an export: those of the model, or in int8 its own, because its scores are others."""

from types import SimpleNamespace

import pytest

from detect.artefacts.job import Job
from detect.export import export_run
from detect.models.card import Goal, ModelCard

GOAL = Goal(measure="recall", value=0.9)
CARD = ModelCard(model="m", config={}, classes=("cat",), category_ids=(1,), image_size=64, confidences={"cat": 0.5})


class Scored:
    """An original whose exports reach the goal with a threshold of 0.4."""

    def __init__(self, is_scored=True):
        self.is_scored, self.said = is_scored, []
        self.say = self.said.append

    def with_thresholds(self, folder, card):
        return card.model_copy(update={"confidences": {"cat": 0.4}})


@pytest.fixture
def exported(monkeypatch, tmp_path):
    """A function that returns the card of an export after its thresholds were chosen, and what was written of it."""
    monkeypatch.setattr(export_run, "write_cards", lambda job: written.append(job.card))
    written = []

    def exported(precision, goal, original):
        export = SimpleNamespace(precision=precision)
        job = Job(None, None, CARD.model_copy(update={"goal": goal}), export, tmp_path)
        return export_run._with_own_thresholds(job, original).card, written

    return exported


@pytest.mark.parametrize("precision", ["int8", "int8-weights"])
def test_int8_has_its_own(exported, precision):
    card, written = exported(precision, GOAL, Scored())
    assert card.confidences == {"cat": 0.4}
    assert card.goal == GOAL
    assert written == [card]


@pytest.mark.parametrize(("precision", "goal"), [("float32", GOAL), ("float16", GOAL), ("int8", None)])
def test_others_have_those_of_the_model(exported, precision, goal):
    card, written = exported(precision, goal, Scored())
    assert card.confidences == {"cat": 0.5}
    assert written == []


def test_without_a_dataset_it_is_said(exported):
    original = Scored(is_scored=False)
    card, _ = exported("int8-weights", GOAL, original)
    assert card.confidences == {"cat": 0.5}
    assert "chosen for at least 0.9 recall; with --data" in original.said[0]
