"""Several runs as one: what is planned, what is refused, how time is shared, and what is known in the end."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from detect.config import to_json
from detect.data.dataset import Dataset
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput, RunFailure
from detect.evaluation.detections import Found
from detect.training import several_trained
from detect.training.run_folder import RunFolder
from detect.training.settings import TrainingSettings
from detect.training.several_runs import FinishedRun, Summary, limit_of_next, plan_runs, with_fold, with_means
from detect.training.several_trained import SeveralTrained, describe, next_command, run_all, train_several
from detect.training.start.resolution import given_settings

IMAGES = 9


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    return open_dataset(write_shapes(tmp_path_factory.mktemp("shapes"), train=7, val=2, image_size=64))


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "cache"))

    def make(**changes) -> TrainingSettings:
        return TrainingSettings(
            **{"data": "shapes.yaml", "model": "yolox-micro", "runs": str(tmp_path / "runs")} | changes
        )

    return make


@pytest.fixture
def trained(monkeypatch, dataset):
    """Return what runs were trained with; a run has AP 0.1 * (seed + fold), and its model finds each box as it is."""
    calls = []

    def run(settings: TrainingSettings, resume: bool, dataset: Dataset):
        calls.append((settings, resume))
        folder = RunFolder(several_trained.Path(settings.runs) / settings.name)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.config.write_text(to_json(settings.model_copy(update={"image_size": 64, "epochs": 7.0})))
        if settings.seed == 99:
            raise RunFailure("a full disk")
        number = 0.1 * (settings.seed + (settings.fold or 0))
        folder.evaluation.write_text(json.dumps({"AP": number, "APl": None, "per_class": {}}))
        return SimpleNamespace(ending=SimpleNamespace(seconds=0.0))

    def find(detect, records, placing, category_ids, batch_size, unreadable):
        for row, image in enumerate(records.image_ids):
            start, end = [0, *records.box_ends][row], records.box_ends[row]
            corners = records.boxes[start:end].astype(float)
            boxes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
            categories = np.array(category_ids)[records.labels[start:end]]
            yield Found(np.full(len(boxes), image), categories, boxes, np.full(len(boxes), 0.9))

    monkeypatch.setattr(several_trained, "run", run)
    monkeypatch.setattr(several_trained, "find", find)
    monkeypatch.setattr(
        several_trained, "load", lambda folder: SimpleNamespace(views=lambda: None, detect_to_score=None)
    )
    return calls


def start(settings: TrainingSettings, seeds: int | None, dataset: Dataset, resume: bool = False):
    several = plan_runs(settings, seeds, dataset, resume)
    return run_all(settings, several, dataset, lambda text: None)


def test_seeds_are_counted_from_that_of_the_settings(settings, dataset, trained, tmp_path):
    result = start(settings(seed=3, name="a"), 3, dataset)
    assert [(own.name, own.seed) for own, _ in trained] == [("a/seed-3", 3), ("a/seed-4", 4), ("a/seed-5", 5)]
    assert result.folder == tmp_path / "runs" / "a"
    assert result.summary.mean["AP"] == pytest.approx(0.4)
    assert result.summary.deviation["AP"] == pytest.approx(0.1)
    assert "APl" not in result.summary.mean
    assert result.pooled is None
    assert "AP 0.400, standard deviation between runs 0.100" in describe(result)
    assert next_command(result).startswith(f"detect predict {tmp_path / 'runs' / 'a' / 'seed-5'}")
    assert json.loads((result.folder / "summary.json").read_text())["mean"]["AP"] == pytest.approx(0.4)


@pytest.mark.parametrize(("ap", "is_said"), [(0.009, True), (0.01, False)])
def test_models_that_have_learnt_nothing_are_said_to_have(tmp_path, ap, is_said):
    runs = tuple(FinishedRun(name=name, seconds=1, scores={"AP": ap}) for name in "ab")
    summary = with_means(Summary(kind="seeds", count=2, data_digest="", runs=runs))
    assert ("next to nothing" in describe(SeveralTrained(tmp_path, summary, None))) is is_said


def test_several_runs_in_python(dataset, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "cache"))
    options = {"model": "yolox-micro", "runs": str(tmp_path)}
    assert pytest.approx(1.0) == train_several(dataset.source, folds=2, **options).pooled.AP
    assert train_several(dataset.source, seeds=2, **options).summary.mean["AP"] == pytest.approx(0.05)
    with pytest.raises(BadInput, match="Give seeds or folds"):
        train_several(dataset.source, **options)


def test_what_is_open_is_decided_by_the_first_run(settings, dataset, trained):
    start(settings(), 2, dataset)
    assert [own.image_size for own, _ in trained] == [None, 64]
    assert [own.epochs for own, _ in trained] == [None, 7.0]


def test_the_detections_of_all_folds_are_scored_together(settings, dataset, trained):
    result = start(settings(folds=3), None, dataset)
    assert [own.fold for own, _ in trained] == [1, 2, 3]
    assert pytest.approx(1.0) == result.pooled.AP
    assert result.pooled.intervals.images == IMAGES
    assert "--folds" not in result.pooled.certainty
    assert result.summary.pooled["intervals"]["AP"] == [1.0, 1.0]
    assert (result.folder / "report.html").is_file()
    assert next_command(result) == "detect train --data shapes.yaml --model yolox-micro"


def test_images_that_cannot_be_read_are_left_out_of_the_scores(settings, dataset, trained, monkeypatch):
    """One image of each fold is not there, and not detected in."""
    find = several_trained.find

    def find_but_first(detect, records, placing, category_ids, batch_size, unreadable):
        unreadable.add(0)
        yield from list(find(detect, records, placing, category_ids, batch_size, unreadable))[1:]

    monkeypatch.setattr(several_trained, "find", find_but_first)
    result = start(settings(folds=3), None, dataset)
    assert pytest.approx(1.0) == result.pooled.AP
    assert result.pooled.intervals.images == IMAGES - 3


def test_finished_runs_are_not_repeated_and_the_interrupted_one_goes_on(settings, dataset, trained):
    own = settings(seed=98, max_time=100.0)
    with pytest.raises(RunFailure):
        start(own, 2, dataset)
    interrupted = trained[-1][0]
    trained.clear()
    with pytest.raises(RunFailure):
        start(own, 2, dataset, resume=True)
    assert [(each.name, resume) for each, resume in trained] == [("seeds/seed-99", True)]
    assert trained[0][0].max_time == interrupted.max_time


def test_other_settings_or_data_are_not_taken_together_with_earlier_ones(settings, dataset, trained):
    with pytest.raises(RunFailure):
        start(settings(seed=98), 2, dataset)
    with pytest.raises(BadInput, match="patience was None, is 3"):
        start(settings(seed=98, patience=3), 2, dataset, resume=True)
    changed = replace(dataset, splits={"train": dataset.splits["train"]})
    with pytest.raises(BadInput, match="dataset has changed"):
        start(settings(seed=98), 2, changed, resume=True)


def test_time_is_shared_among_the_runs_that_are_left(settings, dataset, trained):
    start(settings(max_time=60.0), 2, dataset)
    assert trained[0][0].max_time == pytest.approx(30, abs=1)
    assert trained[1][0].max_time == pytest.approx(60, abs=1)  # the first one took no time
    runs = tuple(FinishedRun(name=name, seconds=10, scores={}) for name in "ab")
    assert limit_of_next(50, Summary(kind="seeds", count=5, data_digest="", runs=runs)) == 10
    assert limit_of_next(15, Summary(kind="seeds", count=5, data_digest="", runs=runs)) == 1


def test_new_runs_get_a_folder_of_their_own(settings, dataset, tmp_path):
    for number in ("folds", "folds-2"):
        several = plan_runs(settings(folds=2), None, dataset, resume=False)
        assert several.folder == tmp_path / "runs" / number
        several.folder.mkdir(parents=True)
    assert plan_runs(settings(folds=2), None, dataset, resume=True).folder == tmp_path / "runs" / "folds-2"


@pytest.mark.parametrize(
    ("changes", "seeds", "message"),
    [
        ({}, 1, "--seeds: expected 2 or more runs, got 1"),
        ({"folds": 2}, 2, "--seeds or --folds, not both"),
        ({"folds": 10}, None, "--folds 10: the images"),
        ({"folds": 2, "name": "single"}, None, "is a single run"),
        ({"folds": 2, "name": "several"}, None, "has the runs of --seeds 3"),
        ({"name": "several"}, None, "continue them with this"),
    ],
)
def test_what_is_not_possible_is_refused(settings, dataset, tmp_path, changes, seeds, message):
    for name, file, text in (
        ("single", "config.json", "{}"),
        ("several", "summary.json", '{"kind": "seeds", "count": 3, "data_digest": ""}'),
    ):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / file).write_text(text)
    with pytest.raises(BadInput, match=message):
        plan_runs(settings(**changes), seeds, dataset, resume=True)


def test_several_machines_train_one_run(settings):
    assert plan_runs(settings(), None, None, resume=False) is None
    with pytest.raises(BadInput, match="one run at a time"):
        plan_runs(settings(), 2, None, resume=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"fold": 1}, "one of how many"), ({"folds": 2, "fold": 3}, "from 1 to 2"), ({"folds": 1}, "--folds: expected")],
)
def test_a_fold_is_one_of_several(changes, message):
    with pytest.raises(BadInput, match=message):
        given_settings({"data": "d", "model": "yolox-micro", **changes}, [])


def test_one_run_can_have_a_fold(settings, dataset):
    own = settings(folds=3, fold=2)
    assert plan_runs(own, None, dataset, resume=False) is None
    assert len(with_fold(own, dataset).splits["val"]) == 3
    assert with_fold(settings(), dataset) is dataset
    with pytest.raises(BadInput, match="give fold too"):
        with_fold(settings(folds=3), dataset)


def test_scores_that_a_run_lacks_are_not_in_its_mean():
    runs = tuple(FinishedRun(name=str(ap), seconds=1, scores={"AP": ap}) for ap in (0.2, None, 0.4))
    summary = with_means(Summary(kind="folds", count=3, data_digest="", runs=runs))
    assert summary.mean == {"AP": pytest.approx(0.3)}
    assert summary.deviation == {"AP": pytest.approx(math.sqrt(0.02))}
