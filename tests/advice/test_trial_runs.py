"""Trials and the advice from them, with training and scoring replaced by a law that AP follows."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from records_of import records_of

from detect.advice import advising, trial_runs
from detect.advice.request import Request
from detect.advice.trial_plan import Trial, candidates
from detect.advice.trial_runs import Rungs, Trials, as_started, part, relative_cost
from detect.data.dataset import Dataset, split
from detect.data.records import Record
from detect.errors import RunFailure
from detect.evaluation.detections import from_entries
from detect.evaluation.truth import truth_from_records
from detect.training.callbacks import Progress, StopTraining
from detect.training.run_folder import RunFolder
from detect.training.settings import TrainingSettings

CLASSES = ("cat", "dog")
TRAIN = 40


def images(count, start=0):
    """Return images with a cat each, and a dog in every fourth."""
    return records_of(
        Record(
            image_path=Path(f"{number}.jpg"),
            image_id=number,
            width=100,
            height=100,
            boxes=np.float32([[10, 10, 40, 40], [50, 50, 90, 90]][: 2 if number % 4 == 0 else 1]),
            labels=np.int32([0, 1][: 2 if number % 4 == 0 else 1]),
            ignore=np.zeros(2 if number % 4 == 0 else 1, bool),
            areas=np.ones(2 if number % 4 == 0 else 1),
        )
        for number in range(start, start + count)
    )


@pytest.fixture
def request_for_advice(tmp_path):
    dataset = Dataset(
        Path("set"), "test data", CLASSES, (1, 2), {"train": images(TRAIN), "val": images(20, TRAIN)}, {}, ("a note",)
    )
    settings = TrainingSettings(data="set", model="yolox-nano", image_size=64, epochs=30, weights="none")
    tried = candidates(settings, random=False)
    return Request(RunFolder(tmp_path / "run"), settings, dataset, 1000.0, 60.0, 200, tried)


@pytest.fixture
def trained(monkeypatch):
    """Training that takes no time. AP is 1 - n^-0.25, higher for images of 96 px. Returns the settings of all runs."""
    runs = []

    def run(settings, resume, dataset, callbacks):
        runs.append(settings)
        length = len(split(dataset, "train"))
        ap = 1 - length**-0.25 + 0.1 * (settings.image_size > 64) - 0.2 * (settings.model != "yolox-nano")
        folder = Path(settings.runs) / settings.name
        folder.mkdir(parents=True)
        (folder / "ap").write_text(repr(ap))
        try:
            for quarter in (0.25, 0.5, 0.75, 1.0):
                scores = SimpleNamespace(AP=ap * quarter)
                callbacks[0].on_validation(Progress(1, 1.0, quarter), scores, True)
        except StopTraining:
            pass
        return SimpleNamespace(folder=folder, ending=SimpleNamespace(updates=200))

    monkeypatch.setattr(trial_runs.training_run, "run", run)
    monkeypatch.setattr(Trials, "precisions", lambda self, folder: np.full([21, 3], float((folder / "ap").read_text())))
    monkeypatch.setattr(Trials, "detections", lambda self, folder: what_is_found(self.request.dataset))
    monkeypatch.setattr(advising, "find_source", lambda *arguments: ("source", ""))
    return runs


def what_is_found(dataset):
    truth = truth_from_records(split(dataset, "val"), CLASSES, (1, 2))
    return truth, from_entries([{"image_id": TRAIN, "category_id": 1, "bbox": [10, 10, 30, 30], "score": 0.5}])


def test_smaller_parts_are_within_larger_ones(request_for_advice):
    data = request_for_advice.dataset
    whole, half, quarter = (part(data, Trial("", "", share)) for share in (1.0, 0.5, 0.25))
    ids = [set(split(each, "train").image_ids.tolist()) for each in (whole, half, quarter)]
    assert list(map(len, ids)) == [40, 20, 10]
    assert ids[2] < ids[1] < ids[0]
    assert sum(split(quarter, "train").labels == 1) >= 2  # of ten
    assert len(split(quarter, "val")) == 20
    assert quarter.notes == ()
    other = set(split(part(data, Trial("", "", 0.25, seed=1)), "train").image_ids.tolist())
    assert other != ids[2]


def test_parts_are_trained_for_as_many_updates(request_for_advice, trained):
    trials = Trials(request_for_advice)
    trials.run(Trial("all", ""))
    trials.run(Trial("quarter", "", 0.25, length=2.0))
    assert [each.epochs for each in trained] == [200 * 16 / 40, 2 * 200 * 16 / 10]
    assert [Path(each.runs) for each in trained] == [request_for_advice.run / "advice" / "200-updates"] * 2


@pytest.mark.parametrize(
    ("model", "side", "cost"),
    [
        ("yolox-nano", 128, 4.0),
        ("yolox-tiny", 64, 3.225 / 0.54),  # published multiply-adds of images of 416 px, billions
        ("yolox-s", 64, 13.4 / 640**2 / (0.54 / 416**2)),
        ("yolox-micro", 64, 2.26 / 0.91),  # parameters, millions
    ],
)
def test_the_cost_of_an_update(model, side, cost):
    nano = TrainingSettings(data="x", model="yolox-nano", image_size=64)
    other = TrainingSettings(data="x", model=model, image_size=side)
    assert relative_cost(other, nano) == pytest.approx(cost, rel=0.01)


def test_what_costs_more_has_fewer_updates(request_for_advice, trained):
    trials = Trials(request_for_advice)
    for trial in request_for_advice.candidates:
        trials.run(trial)
    size, model = (each.epochs * 40 / 16 for each in trained)
    assert size == pytest.approx(200 / 1.5**2)
    assert model == pytest.approx(200 / (3.225 / 0.54))  # multiply-adds of yolox-tiny and yolox-nano, billions


def test_a_trial_that_was_made_is_not_made_again(request_for_advice, trained):
    first = Trials(request_for_advice).run(Trial("all", ""))
    again = Trials(request_for_advice).run(Trial("all", ""))
    assert len(trained) == 1
    assert dataclasses.replace(again, precisions=None) == dataclasses.replace(first, precisions=None)
    np.testing.assert_array_equal(again.precisions, first.precisions)


def test_a_run_is_ended_where_it_is_told_to():
    rungs = Rungs(lambda step, ap: ap < 0.5)
    rungs.on_validation(Progress(1, 1.0, 0.25), SimpleNamespace(AP=0.6), True)
    with pytest.raises(StopTraining):
        rungs.on_validation(Progress(2, 2.0, 0.5), SimpleNamespace(AP=0.4), False)
    assert rungs.measured == {1: 0.6, 2: 0.4}
    assert rungs.stopped


def test_the_last_validation_is_the_end_anyway():
    rungs = Rungs(lambda step, ap: True)
    rungs.on_validation(Progress(1, 1.0, 1.0), SimpleNamespace(AP=0.1), True)
    assert not rungs.stopped


def test_published_settings_are_no_change_of_the_architecture():
    settings = TrainingSettings(data="x", model="yolox-nano", architecture={"depth": 0.33, "max_detections": 7})
    assert as_started(settings).architecture == {"max_detections": 7}


@pytest.fixture
def advice(request_for_advice, trained):
    pytest.importorskip("optuna")
    return advising.advise(request_for_advice, lambda text: None)


def test_the_advice_follows_the_law(advice):
    total, cat, dog = advice.doubling
    assert [(point.images, point.trials) for point in advice.curve] == [(10, 3), (20, 3), (40, 3)]
    assert total.gain.value == pytest.approx(40**-0.25 - 80**-0.25)
    assert total.gain.is_clear
    assert (cat.name, cat.boxes, dog.name, dog.boxes) == ("cat", 20, "dog", 5)
    assert dog.gain is None  # five boxes in the validation split say nothing


def test_the_command_is_that_of_the_best_settings(advice):
    longer, size, model = advice.options
    assert (longer.text, longer.gain.value) == ("twice as long", pytest.approx(0))
    assert size.gain.value == pytest.approx(0.1)
    assert model.gain is None  # stopped early
    assert advice.command == ("detect train --data set --model yolox-nano --weights none --image-size 96 --epochs 30.0")


def test_without_time_there_is_one_learning_curve(request_for_advice, trained, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.setattr(Trials, "elapsed", 990.0)
    advice = advising.advise(request_for_advice, lambda text: None)
    assert [point.trials for point in advice.curve] == [1, 1, 1]
    assert advice.notes[0] == "Not tried: twice as long. There was no time left."
    assert advice.options == []
    assert advice.command is None


def test_a_machine_that_is_too_slow_is_told(request_for_advice):
    trials = Trials(request_for_advice)
    trials.seconds_of_trial = 330.0
    advising.require_time(trials)
    trials.seconds_of_trial = 360.0
    with pytest.raises(RunFailure, match=r"took 360s in place of 60s.*--max-time 100m"):
        advising.require_time(trials)


def test_settings_that_cannot_be_tried_are_named(request_for_advice, trained, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.setattr(advising, "find_source", lambda *arguments: (None, "There is no network."))
    advice = advising.advise(request_for_advice, lambda text: None)
    assert advice.notes == ["Not tried: yolox-tiny. There is no network."]
    assert len(advice.options) == 2
    assert '"low"' in advice.to_json()
