"""Trials: training runs in `advice/` of the folder of a run, whose results are kept and used again.

`advice/200-updates/` has the trials of 200 updates: each has a run folder and, once it is done, a JSON file with its
result.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.advice.request import Request
from detect.advice.trial_plan import VALIDATIONS, Trial
from detect.data.curation.subset import sample
from detect.data.dataset import Dataset, split
from detect.data.problems import Problems
from detect.data.samples.checked_images import UnreadableImages
from detect.evaluation.detections import Found, joined
from detect.evaluation.evaluation_run import find
from detect.evaluation.replicates import replicates
from detect.evaluation.truth import Truth, truth_from_records
from detect.files import write_text
from detect.inference.loading import load
from detect.models import variant
from detect.training import training_run
from detect.training.callbacks import StopTraining, TrainingCallback
from detect.training.settings import TrainingSettings

SCORING_BATCH = 8
Decision = Callable[[int, float], bool]  # whether a trial with this AP after so many validations is to end


@dataclass(frozen=True)
class Result:
    """The result of a trial.

    Attributes:
        images: number of training images.
        updates: of the weights.
        seconds: that it took, with its scores.
        rungs: AP by number of validation, of `VALIDATIONS`.
        stopped: whether it was ended early.
        precisions: of its best model, as `replicates` returns them, [1 + D, 1 + K]; NaN where it was stopped.
    """

    images: int
    updates: int
    seconds: float
    rungs: dict[int, float]
    stopped: bool
    precisions: np.ndarray

    @property
    def average_precision(self) -> float:
        """AP, 0..1; of a trial that was stopped, the best that was measured."""
        return max(self.rungs.values(), default=math.nan) if self.stopped else float(self.precisions[0, 0])


class Rungs(TrainingCallback):
    """Remembers the AP of each validation, and ends the run where `decide` says so."""

    def __init__(self, decide: Decision):
        self.decide = decide
        self.measured: dict[int, float] = {}
        self.stopped = False

    def on_validation(self, progress, scores, best):
        step = math.floor(VALIDATIONS * progress.share + 1e-9)
        self.measured[step] = float(np.nan_to_num(scores.AP))
        self.stopped = self.decide(step, self.measured[step]) and step < VALIDATIONS
        if self.stopped:
            raise StopTraining


class Trials:
    """Runs trials, or reads the results of those that were made before."""

    def __init__(self, request: Request):
        self.request = request
        self.folder = request.run / "advice" / f"{request.updates}-updates"
        self.seconds_of_trial = request.slot
        self.settings = as_started(request.settings)
        self.started = time.monotonic()

    def has_time_for(self, length: float) -> bool:
        """Return whether trials of so many times the usual length fit into the time that is left."""
        return self.elapsed + length * self.seconds_of_trial <= self.request.seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the time for all trials began."""
        return time.monotonic() - self.started

    def are_done(self, trials: Sequence[Trial]) -> bool:
        """Return whether all these trials were made before."""
        return all(self._file(trial).is_file() for trial in trials)

    def run(self, trial: Trial, decide: Decision = lambda step, ap: False) -> Result:
        """Return the result of a trial.

        Args:
            trial: what is tried.
            decide: whether it is to end early.
        """
        file = self._file(trial)
        if file.is_file():
            return read_result(file)
        started, rungs, dataset = time.monotonic(), Rungs(decide), part(self.request.dataset, trial)
        images = len(split(dataset, "train"))
        settings, resume = self.trial_settings(trial, images), (self.folder / trial.name).exists()
        done = training_run.run(settings, resume, dataset, callbacks=[rungs])
        precisions = np.full([1, 1], np.nan) if rungs.stopped else self.precisions(done.folder)
        seconds = time.monotonic() - started
        result = Result(images, done.ending.updates, seconds, rungs.measured, rungs.stopped, precisions)
        write_text(file, to_json(result))
        return result

    def _file(self, trial: Trial) -> Path:
        return self.folder / f"{trial.name}.json"

    def trial_settings(self, trial: Trial, images: int) -> TrainingSettings:
        """Return the settings of the run of a trial with a number of training images."""
        update = {
            "name": trial.name,
            "runs": str(self.folder),
            "max_time": None,
            "seed": self.settings.seed + trial.seed,
            "validations": VALIDATIONS,
            "patience": None,
            "folds": None,  # the dataset of the request has the fold of the run as its validation split
            "fold": None,
            **trial.changes,
        }
        settings = self.settings.model_copy(update=update)
        updates = max(1, self.request.updates * trial.length / relative_cost(settings, self.settings))
        return settings.model_copy(
            update={"epochs": updates * settings.images_per_batch * settings.accumulate / images}
        )

    def detections(self, model: Path) -> tuple[Truth, Found]:
        """Return the truth of the validation split, and what the model in a folder finds there."""
        dataset, loaded = self.request.dataset, load(model)
        records = split(dataset, "val")
        unreadable, detect = UnreadableImages(len(records)), loaded.detect_to_score
        parts = find(detect, records, loaded.views(), dataset.category_ids, SCORING_BATCH, unreadable=unreadable)
        found = joined(parts)  # first: it finds out which images cannot be read
        return truth_from_records(unreadable.readable(records), dataset.classes, dataset.category_ids), found

    def precisions(self, model: Path) -> np.ndarray:
        """Return the AP of the model in a folder, see `replicates`."""
        return replicates(*self.detections(model))


def to_json(result: Result) -> str:
    """Return a result as JSON, which `read_result` reads."""
    return json.dumps({**dataclasses.asdict(result), "precisions": result.precisions.tolist()}) + "\n"


def read_result(file: Path) -> Result:
    """Read the result of a trial that was made before."""
    values = json.loads(file.read_text("utf-8"))
    rungs = {int(step): ap for step, ap in values["rungs"].items()}
    return Result(**{**values, "rungs": rungs, "precisions": np.array(values["precisions"])})


def relative_cost(settings: TrainingSettings, of: TrainingSettings) -> float:
    """Return the cost of an update with `settings`, in updates with those of the run.

    It is in proportion to the published multiply-adds of the models, or else to their parameters, and to the pixels.
    Time would tell the load of a busy machine too, and a schedule by time would follow it.
    """
    rows = variant(settings.model), variant(of.model)
    per_pixel = [(row.multiply_adds or 0.0) / row.image_size**2 for row in rows]
    if not all(per_pixel):
        per_pixel = [row.parameters or row.counted or 1.0 for row in rows]
    now, before = (cost * each.side**2 for cost, each in zip(per_pixel, (settings, of), strict=True))
    return now / before


def as_started(settings: TrainingSettings) -> TrainingSettings:
    """Return the settings of a run without what its weights have added to the architecture.

    With it, `weights=auto` would not start from published ones: it takes any setting for a change of the user's.
    """
    published = variant(settings.model).config.model_dump(mode="json")
    own = {name: value for name, value in settings.architecture.items() if published.get(name) != value}
    return settings.model_copy(update={"architecture": own})


def part(dataset: Dataset, trial: Trial) -> Dataset:
    """Return the dataset with a share of the training images, in which that of a smaller share is contained.

    What was found when it was read has been said when the run was trained.
    """
    train, share = split(dataset, "train"), 1.0
    total = len(train)
    while share > trial.share:
        share /= 2
        only = dataclasses.replace(dataset, splits={"train": train})
        train = split(sample(only, round(share * total), trial.seed), "train")
    splits = {"train": train, "val": split(dataset, "val")}
    problems = {name: Problems(len(records), len(records.boxes)) for name, records in splits.items()}
    return dataclasses.replace(dataset, splits=splits, problems=problems, notes=())
