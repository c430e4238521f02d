"""`detect train --seeds` and `--folds`: trains several runs one after the other, and scores them as one."""

import gc
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from detect.data.curation.folds import Folds
from detect.data.dataset import Dataset, split
from detect.data.samples.checked_images import UnreadableImages
from detect.errors import BadInput
from detect.evaluation.coco_scores import Scores, score
from detect.evaluation.detections import joined, read_detections, write_detections
from detect.evaluation.evaluation_run import find
from detect.evaluation.truth import truth_from_records
from detect.inference.loading import load
from detect.reports.run_report import write_run_report
from detect.training.reporting.display import clock
from detect.training.reporting.ending import LEAST_AP
from detect.training.run_folder import RunFolder, decided, resumed_folder
from detect.training.settings import TrainingSettings
from detect.training.several_runs import (
    FinishedRun,
    SeveralRuns,
    Summary,
    finished,
    limit_of_next,
    plan_runs,
    with_means,
)
from detect.training.start.early_checks import open_requested
from detect.training.start.resolution import given_options, resolve_settings
from detect.training.training_run import run

DETECTIONS = "detections_val.json"  # of a fold: those in its validation images, as COCO results
IMAGES_PER_BATCH = 8  # for these; as that of `detect evaluate`
TRAINED = 0.95  # share of the time of a fold for its training; the rest is for these detections


@dataclass(frozen=True)
class SeveralTrained:
    """The result of several runs.

    Attributes:
        folder: that has the folders of the runs.
        summary: scores of the runs.
        pooled: of folds, the scores of all images together.
    """

    folder: Path
    summary: Summary
    pooled: Scores | None


def train_several(
    data: str | Path, *, seeds: int | None = None, folds: int | None = None, resume: bool = False, **settings: Any
) -> SeveralTrained:
    """Train several runs as one, as `detect train` does with `--seeds` or `--folds`.

    Args:
        data: a dataset that `open_dataset` reads.
        seeds: number of runs with other seeds, from that of the settings on.
        folds: number of parts of the images, each of which is held out once; in place of `seeds`.
        resume: whether to continue the runs of that name after an interruption.
        settings: of all runs, as of `detect.train`; `max_time` is for all together.

    Returns:
        The folder of the runs and their scores.

    Raises:
        BadInput: an argument, a setting or the data cannot be used.
        RunFailure: the training failed.
    """
    resolved = resolve_settings(given_options(data=data, folds=folds, **settings), [], spelled=str)
    dataset = open_requested(resolved, resume)
    several = plan_runs(resolved, seeds, dataset, resume)
    if several is None or dataset is None:
        raise BadInput("Give seeds or folds, 2 or more. For one run, call detect.train.")
    return run_all(resolved, several, dataset, print)


def run_all(
    settings: TrainingSettings, several: SeveralRuns, dataset: Dataset, say: Callable[[str], None]
) -> SeveralTrained:
    """Train all runs that are not finished, and go on with the one that was interrupted.

    Args:
        settings: of all runs, but for what differs; `max_time` is for all together.
        several: the runs.
        dataset: that of the settings.
        say: shows a line to the user.

    Raises:
        BadInput: the settings are not those of the runs that are to be continued.
        RunFailure: a run failed.
    """
    summary = several.summary()
    resumed_folder(_settings_of(settings, several, next(iter(several.changes)), summary))
    several.save(summary)
    for number, name in enumerate(several.changes, 1):
        if any(each.name == name for each in summary.runs):
            continue
        say(f"Run {number} of {len(several.changes)}: {several.folder / name}")
        own = _settings_of(settings, several, name, summary)
        trained = _train(own, several, name, dataset)
        dataset = replace(dataset, notes=())  # are said once
        summary = summary.model_copy(update={"runs": (*summary.runs, trained)})
        several.save(summary)
        keras.backend.clear_session()
        gc.collect()
    return _pooled(several, with_means(summary))


def _settings_of(settings: TrainingSettings, several: SeveralRuns, name: str, summary: Summary) -> TrainingSettings:
    """Return the settings of one of the runs. What the user leaves open is decided by the first one.

    Args:
        settings: of all.
        several: all runs.
        name: of the run.
        summary: of those that are finished.
    """
    first, own = several.run_folder(next(iter(several.changes))), several.run_folder(name)
    given = decided(first.settings(), settings) if first.config.exists() else settings
    limit = settings.max_time
    if limit is not None and own.config.exists():
        limit = own.settings().max_time  # with which it goes on
    elif limit is not None:
        limit = limit_of_next(limit, summary) * (TRAINED if several.folds else 1)
    whole_name = own.path.relative_to(settings.runs).as_posix()
    return given.model_copy(update={**several.changes[name], "name": whole_name, "max_time": limit})


def _train(settings: TrainingSettings, several: SeveralRuns, name: str, dataset: Dataset) -> FinishedRun:
    """Train a run, or what is left of it; of a fold, write the detections of its best model in its images.

    Args:
        settings: of the run.
        several: all runs.
        name: of the run.
        dataset: that of the settings.
    """
    began, folder = time.monotonic(), several.run_folder(name)
    ending = run(settings, resume=folder.path.exists(), dataset=dataset).ending
    earlier = max(ending.seconds - (time.monotonic() - began), 0.0)  # before an interruption
    unreadable = []
    if several.folds:
        unreadable = _detect_held_out(folder, several.folds.held_out(several.changes[name]["fold"]))
    return finished(folder, earlier + time.monotonic() - began, unreadable)


def _detect_held_out(folder: RunFolder, dataset: Dataset) -> list[int | str]:
    """Write the detections of a fold, and return the ids of the images that cannot be read."""
    model, records = load(folder.path), split(dataset, "val")
    unreadable, detect = UnreadableImages(len(records)), model.detect_to_score
    found = find(detect, records, model.views(), dataset.category_ids, IMAGES_PER_BATCH, unreadable=unreadable)
    write_detections(folder.path / DETECTIONS, joined(found))
    return records.image_ids[unreadable.indices()].tolist()


def _pooled(several: SeveralRuns, summary: Summary) -> SeveralTrained:
    """Return the result of runs that are all finished; of folds, write the report."""
    pooled = _scores_of_all(several, several.folds, summary) if several.folds else None
    if pooled and several.folds:
        summary = summary.model_copy(update={"pooled": pooled.to_numbers()})
        write_run_report(several.folder, pooled, several.folds.records)
    several.save(summary)
    return SeveralTrained(several.folder, summary, pooled)


def _scores_of_all(several: SeveralRuns, folds: Folds, summary: Summary) -> Scores:
    """Return the scores of the detections of all folds together.

    Their confidences are of several models, and compared as if they were of one. Where these models are more or less
    sure of themselves, that costs some AP (Forman and Scholz 2010, Apples-to-Apples in Cross-Validation Studies,
    section 2), which the mean over the folds does not show.
    """
    lost = [number for each in summary.runs for number in each.unreadable]
    records = folds.records.select(np.flatnonzero(~np.isin(folds.records.image_ids, lost)))
    found = [read_detections(several.folder / name / DETECTIONS) for name in several.changes]
    truth = truth_from_records(records, folds.dataset.classes, folds.dataset.category_ids)
    return score(truth, joined(part for part in found if len(part)), with_intervals=True, advice="")


def describe(trained: SeveralTrained) -> str:
    """Return what was done, the mean of AP with its deviation, and what to do where the models have learnt nothing."""
    summary = trained.summary
    done = f"Trained {summary.count} runs with other {summary.kind} in {clock(summary.seconds)}."
    if "AP" not in summary.deviation:
        return done
    mean, deviation = summary.mean["AP"], summary.deviation["AP"]
    text = f"{done} AP {mean:.3f}, standard deviation between runs {deviation:.3f}."
    if mean >= LEAST_AP:
        return text
    return f"{text} The models have learnt next to nothing: train for longer, with --epochs or --max-time."


def next_command(trained: SeveralTrained) -> str:
    """Return a command to go on with: with the best of several seeds, or to train on all images of all folds."""
    runs = trained.summary.runs
    if trained.pooled is None:
        best = max(runs, key=lambda run: run.scores.get("AP") or 0.0)
        return f"detect predict {shlex.quote(str(trained.folder / best.name))} IMAGES_OR_VIDEOS"
    settings = RunFolder(trained.folder / runs[0].name).settings()
    return f"detect train --data {shlex.quote(settings.data)} --model {settings.model}"
