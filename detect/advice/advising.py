"""Advice on a run: what costs it most, and what more images, more time or other settings would bring.

The trials come in the order of what they tell: the learning curve, a longer run, other settings, and the learning curve
again with other seeds, for as long as there is time.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detect.advice.halving import Halving
from detect.advice.learning_curve import Gain, Line, difference, fit, gain_of_doubling
from detect.advice.next_command import train_command
from detect.advice.request import Request
from detect.advice.trial_plan import REPEATS, SHARES, Trial, curve, longer, rounded_up
from detect.advice.trial_runs import Result, Trials
from detect.errors import DetectError, RunFailure
from detect.evaluation.diagnosis.error_kinds import ErrorKind, error_kinds
from detect.evaluation.images_needed import LEAST_BOXES
from detect.evaluation.truth import Truth
from detect.files import write_text
from detect.training.model_choice import AUTO
from detect.training.settings import TrainingSettings
from detect.training.start.initial_weights import find_source

Say = Callable[[str], None]  # shows a line to the user


@dataclass(frozen=True)
class CurvePoint:
    """The mean AP of the trials with a number of training images."""

    images: int
    trials: int
    AP: float


@dataclass(frozen=True)
class Doubling:
    """The gain in AP of twice the images, over all classes or in one; None where it cannot be told."""

    name: str
    boxes: int  # in the validation split
    AP: float | None  # of the trials with all images
    gain: Gain | None


@dataclass(frozen=True)
class Option:
    """Other settings, and by how much a trial with them is better than one with those of the run."""

    text: str
    AP: float
    seconds: float  # that the trial took
    gain: Gain | None  # None where the trial was stopped early


@dataclass(frozen=True)
class Advice:
    """Advice on a run. AP is measured on the validation split, 0..1."""

    run: str
    trial_updates: int
    errors: list[ErrorKind]  # of the run
    curve: list[CurvePoint]
    doubling: list[Doubling]  # over all classes, then in each
    options: list[Option]
    notes: list[str]  # what was left out, and why
    command: str | None  # trains with the option that is clearly best

    def to_json(self) -> str:
        """Return all of it as JSON at full precision."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def save(self, path: Path) -> None:
        """Write `to_json()` to `path`. Raises `RunFailure` if that is not possible."""
        write_text(path, self.to_json())


def advise(request: Request, say: Say) -> Advice:
    """Run the trials, as far as they were not made before, and return the advice.

    Args:
        request: what is asked for.
        say: shows a line to the user.

    Raises:
        RunFailure: a trial with the settings of the run failed.
    """
    trials, halving = Trials(request), Halving()
    truth, found = trials.detections(request.run)
    results = learning_curve(trials, halving, say)
    options, notes = other_settings(trials, halving, say)
    results += further_curves(trials, say)
    line = fit([each.images for each in results], [each.precisions for each in results])
    references = [each.precisions for each in results if each.images == results[0].images]
    compared = [(trial, compare(line, trial, result, references)) for trial, result in options]
    chosen = best_of(compared)
    return Advice(
        run=str(request.run),
        trial_updates=request.updates,
        errors=error_kinds(truth, found),
        curve=curve_points(results),
        doubling=doublings(line, truth, results[0].images, references),
        options=[option for _, option in compared],
        notes=notes,
        command=train_command(with_trial(trials.settings, chosen)) if chosen else None,
    )


def learning_curve(trials: Trials, halving: Halving, say: Say) -> list[Result]:
    """Return the results of a learning curve. The first is that of all images, with which others are compared."""
    first, *parts = curve(0)
    say(f"Trial: {first.text}")
    reference = halving.add(partial(trials.run, first))
    trials.seconds_of_trial = max(trials.seconds_of_trial, reference.seconds)
    require_time(trials)
    return [reference, *_run_all(trials, parts, say)]


def require_time(trials: Trials) -> None:
    """Raise `RunFailure` where, by its first trial, there is no time for a learning curve."""
    request, trial = trials.request, trials.seconds_of_trial
    if len(SHARES) * trial > request.seconds:
        enough = rounded_up(request.seconds * trial / request.slot)
        raise RunFailure(
            f"A trial took {trial:.0f}s in place of {request.slot:.0f}s: the machine is slower or busier than in the "
            f"run. Give more time, such as --max-time {enough}."
        )


def further_curves(trials: Trials, say: Say) -> list[Result]:
    """Return the results of learning curves with other seeds, as many as there is time for."""
    results: list[Result] = []
    for seed in range(1, REPEATS):
        if trials.has_time_for(len(SHARES)) or trials.are_done(curve(seed)):
            results += _run_all(trials, curve(seed), say)
    return results


def _run_all(trials: Trials, planned: Sequence[Trial], say: Say) -> Iterator[Result]:
    for trial in planned:
        say(f"Trial: {trial.text}, seed {trials.settings.seed + trial.seed}")
        yield trials.run(trial)


def other_settings(trials: Trials, halving: Halving, say: Say) -> tuple[list[tuple[Trial, Result]], list[str]]:
    """Return the results of trials with other settings, and sentences about those that could not be tried."""
    results, notes = [], []
    for trial in (longer(), *trials.request.candidates):
        say(f"Trial: {trial.text}")
        try:
            require_possible(trial, trials)
            # A longer trial is not compared at the same cost, so it does not compete.
            result = trials.run(trial) if trial.length > 1 else halving.add(partial(trials.run, trial))
        except DetectError as error:
            notes.append(f"Not tried: {trial.text}. {error}")
        else:
            results.append((trial, result))
    return results, notes


def require_possible(trial: Trial, trials: Trials) -> None:
    """Raise `RunFailure` where there is no time for a trial, or the published weights that it needs cannot be had."""
    if not trials.has_time_for(trial.length) and not trials.are_done([trial]):
        raise RunFailure("There was no time left.")
    if trial.changes.get("weights") == AUTO:
        source, said = find_source(trial.changes["model"], AUTO, {})
        if source is None and said:
            raise RunFailure(said)


def curve_points(results: Sequence[Result]) -> list[CurvePoint]:
    """Return the mean AP of trials by the number of images, ascending."""
    by_images: dict[int, list[float]] = {}
    for result in results:
        by_images.setdefault(result.images, []).append(result.average_precision)
    return [CurvePoint(images, len(aps), float(np.mean(aps))) for images, aps in sorted(by_images.items())]


def doublings(line: Line, truth: Truth, images: int, references: Sequence[np.ndarray]) -> list[Doubling]:
    """Return what twice the images would bring, over all classes and in each.

    Args:
        line: of the learning curve.
        truth: of the validation split.
        images: number of all training images.
        references: replicates of AP of the trials with all images.
    """
    boxes = np.bincount(truth.categories[~truth.crowd], minlength=len(truth.names))
    counts, names = [int(boxes.sum()), *boxes.tolist()], ["all classes", *truth.names]
    aps = np.mean([each[0] for each in references], axis=0)
    gains = gain_of_doubling(line, images)
    return [
        Doubling(name, count, None if np.isnan(ap) else float(ap), gain if count >= LEAST_BOXES else None)
        for name, count, ap, gain in zip(names, counts, aps, gains, strict=True)
    ]


def compare(line: Line, trial: Trial, result: Result, references: Sequence[np.ndarray]) -> Option:
    """Return how a trial compares with those with the settings of the run; for arguments see `doublings`."""
    gain = None if result.stopped else difference(line, result.precisions, references)
    return Option(trial.text, result.average_precision, result.seconds, gain)


def best_of(compared: Sequence[tuple[Trial, Option]]) -> Trial | None:
    """Return the trial that is better by most, of those that clearly are."""
    better = [(option.gain.value, trial) for trial, option in compared if option.gain and option.gain.low > 0]
    return max(better, key=lambda each: each[0])[1] if better else None


def with_trial(settings: TrainingSettings, trial: Trial) -> TrainingSettings:
    """Return the settings of a run with what a trial has changed, and as many times longer."""
    update: dict[str, Any] = {**trial.changes}
    for name in ("epochs", "max_time"):
        if (length := getattr(settings, name)) is not None:
            update[name] = length * trial.length
    return settings.model_copy(update=update)
