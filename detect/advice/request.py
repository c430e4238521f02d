"""A request for advice, and the mistakes in it that are found before TensorFlow is imported."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from detect.advice.trial_plan import Trial, candidates, longer, pace, seconds_of_trial
from detect.data.dataset import Dataset, split, with_validation
from detect.data.readers.description import open_dataset, require_present
from detect.errors import BadInput
from detect.evaluation.images_needed import require_finished
from detect.evaluation.metric_rows import read_rows
from detect.models import own_files
from detect.models.card import load_card
from detect.models.licences import NONE
from detect.training.run_folder import RunFolder
from detect.training.settings import TrainingSettings
from detect.training.several_runs import with_fold
from detect.training.start.resolution import seconds

LEAST_IMAGES = 20  # to train on: the smallest share has five


@dataclass(frozen=True)
class Request:
    """A run to give advice on.

    Attributes:
        folder: of the run.
        settings: that it was started with.
        dataset: that it was trained on, with a validation split.
        seconds: time for all trials.
        slot: seconds of a trial of usual length, and of scoring it again.
        updates: of the weights in such a trial.
        candidates: trials of other settings.
    """

    folder: RunFolder
    settings: TrainingSettings
    dataset: Dataset
    seconds: float
    slot: float
    updates: int
    candidates: list[Trial]

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder.path


def read_request(run: Path, max_time: str) -> Request:
    """Return what is to be done.

    Raises:
        BadInput: a package is missing, the run is not finished, the time is not a time, or the dataset is not there,
            has changed, or is too small.
    """
    limit = seconds(max_time)
    require_optuna()
    model, _ = require_finished(run)
    folder = RunFolder(run)
    if not folder.config.is_file():
        raise BadInput(f"{run} has no config.json, and so does not say with which settings it was trained.")
    settings = folder.settings()
    if settings.keep_classes:
        raise BadInput(
            f"{run} was trained with --keep-classes, on boxes of its teacher too: no trial could repeat that."
        )
    if own_files.is_own(settings.model):
        own_files.require_trusted(settings.model)
    speed = pace(read_rows(folder.metrics), settings, folder.config.stat().st_mtime)
    tried = candidates(settings, random=folder.licences().weights == NONE)
    others = sum(trial.length for trial in (longer(), *tried))
    slot = seconds_of_trial(limit, others, speed)
    dataset = _open(run, settings, load_card(model).data_digest)
    return Request(folder, settings, dataset, limit, slot, speed.updates(slot), tried)


def require_optuna() -> None:
    """Raise `BadInput` where the package that stops trials early is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise BadInput("detect advise needs optuna, which is not installed. Run: pip install optuna")


def _open(run: Path, settings: TrainingSettings, digest: str) -> Dataset:
    """Return the dataset of a run, as it was trained on it. The card of its model has the `digest`."""
    try:
        require_present(settings.data)
    except BadInput as error:
        where = f"{run} was trained on it: put it back, or run the command in the folder where the run was started."
        raise BadInput(f"{error} {where}") from None
    dataset = with_validation(with_fold(settings, open_dataset(settings.data)))
    if dataset.digest() != digest:
        raise BadInput(
            f"{settings.data} has changed since {run} was trained on it: scores cannot be compared. Give a run on it "
            "as it is now."
        )
    _require_enough(dataset)
    return dataset


def _require_enough(dataset: Dataset) -> None:
    """Raise `BadInput` where trials on a dataset would tell nothing."""
    if split(dataset, "val").ignore.all():  # of no boxes, all are
        raise BadInput(
            f"{dataset.source}: the validation split has no box to find, so that no score can tell what is better."
        )
    images = len(split(dataset, "train"))
    if images < LEAST_IMAGES:
        raise BadInput(f"{dataset.source} has {images} training images: a learning curve needs {LEAST_IMAGES} or more.")
