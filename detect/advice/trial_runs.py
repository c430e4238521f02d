"""Trials: training runs in `advice/` of the folder of a run, whose results are kept and used again.

`advice/50s/` has the trials of 50 seconds: each has a run folder and, once it is done, a JSON file with its result.
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
from detect.evaluation.jackknife import replicates
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
        epochs: passes over the images.
        rungs: AP by number of validation, of `VALIDATIONS`.
        stopped: whether it was ended early.
        precisions: of its best model, as `replicates` returns them, [G + 1, 1 + K]; NaN where it was stopped.
    """

    images: int
    updates: int
    epochs: float
    rungs: dict[int, float]
    stopped: bool
    precisions: np.ndarray

    @property
    def average_precision(self) -> float:
        """AP, 0..1; of a trial that was stopped, the last one that was measured."""
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
        self.folder = request.run / "advice" / f"{request.trial:.0f}s"
        self.settings = as_started(request.settings)
        self.started = time.monotonic()

    def has_time_for(self, count: int) -> bool:
        """Return whether so many trials of usual length fit into the time that is left."""
        return time.monotonic() - self.started + count * self.request.slot <= self.request.seconds

    def are_done(self, trials: Sequence[Trial]) -> bool:
        """Return whether all these trials were made before."""
        return all(self._file(trial).is_file() for trial in trials)

    def run(self, trial: Trial, like: Result | None = None, decide: Decision = lambda step, ap: False) -> Result:
        """Return the result of a trial.

        Args:
            trial: what is tried.
            like: a trial that has as many updates; None: it has the time of a trial.
            decide: whether it is to end early.
        """
        file = self._file(trial)
        if file.is_file():
            return read_result(file)
        rungs, dataset = Rungs(decide), part(self.request.dataset, trial)
        images = len(split(dataset, "train"))
        settings = self.trial_settings(trial, like.epochs * like.images / images if like else None)
        done = training_run.run(settings, resume=True, dataset=dataset, callbacks=[rungs])
        precisions = np.full([1, 1], np.nan) if rungs.stopped else self.precisions(done.folder)
        result = Result(images, done.ending.updates, done.ending.epochs, rungs.measured, rungs.stopped, precisions)
        write_text(file, to_json(result))
        return result

    def _file(self, trial: Trial) -> Path:
        return self.folder / f"{trial.name}.json"

    def trial_settings(self, trial: Trial, epochs: float | None) -> TrainingSettings:
        """Return the settings of the run of a trial; without `epochs`, it has the time of a trial."""
        update = {
            "name": trial.name,
            "runs": str(self.folder),
            "epochs": epochs,
            "max_time": None if epochs else trial.length * self.request.trial,
            "seed": self.settings.seed + trial.seed,
            "validations": VALIDATIONS,
            "patience": None,
        }
        return self.settings.model_copy(update={**update, **trial.changes})

    def detections(self, model: Path) -> tuple[Truth, Found]:
        """Return the truth of the validation split, and what the model in a folder finds there."""
        dataset, loaded = self.request.dataset, load(model)
        records = split(dataset, "val")
        unreadable = UnreadableImages(len(records))

        def detect(images, extents):
            return loaded.detect(images, loaded.backend.confidence, extents=extents)

        parts = find(detect, records, loaded.placement, dataset.category_ids, SCORING_BATCH, unreadable=unreadable)
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
