"""Several runs as one, with other seeds or other folds: what they are, and what is known of those that are finished.

NAME/  summary.json  seed-0/  seed-1/ ...                or of folds
NAME/  summary.json  report.html  fold-1/  fold-2/ ...   each a run folder

This does not need TensorFlow.
"""

import itertools
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from detect.config import Settings, from_json, to_json
from detect.data.curation.folds import PARTS, Folds, divide_into_folds
from detect.data.dataset import Dataset, check_losses
from detect.errors import BadInput
from detect.files import write_text
from detect.training.run_folder import RunFolder, possible_folders
from detect.training.settings import TrainingSettings

Kind = Literal["seeds", "folds"]
SUMMARY = "summary.json"


class FinishedRun(Settings):
    """A run that has come to its end."""

    name: str
    """Name of its folder."""
    seconds: float
    """Time that it took."""
    scores: dict[str, float | None]
    """COCO scores of its best model on its validation images, 0..1; null where there is nothing to measure."""
    unreadable: tuple[int | str, ...] = ()
    """Ids of its validation images that could not be read."""


class Summary(Settings):
    """Scores of several runs, as far as they are finished; `summary.json`."""

    kind: Kind
    """The difference between the runs."""
    count: int
    """Number of runs."""
    data_digest: str
    """SHA-256 of the annotations of the dataset, see `Dataset.digest`."""
    runs: tuple[FinishedRun, ...] = ()
    """Those that are finished."""
    mean: dict[str, float] = {}
    """Mean of each score over the runs."""
    deviation: dict[str, float] = {}
    """Standard deviation of each score between the runs, as of a sample."""
    pooled: dict[str, Any] = {}
    """Scores of the detections in the images of all folds together, each by the model that has not learnt from it."""

    @property
    def seconds(self) -> float:
        """Time that the finished runs took."""
        return math.fsum(run.seconds for run in self.runs)


@dataclass(frozen=True)
class SeveralRuns:
    """Runs that have the same settings, but for a seed or a fold."""

    kind: Kind
    folder: Path
    changes: dict[str, dict[str, int]]  # of the settings, by the name of the run
    data_digest: str
    folds: Folds | None = field(default=None, repr=False)

    def run_folder(self, name: str) -> RunFolder:
        """Return the folder of one of the runs."""
        return RunFolder(self.folder / name)

    def summary(self) -> Summary:
        """Return what is known so far.

        Raises:
            BadInput: the folder has other runs, or they are of another state of the dataset.
        """
        path = self.folder / SUMMARY
        begun = Summary(kind=self.kind, count=len(self.changes), data_digest=self.data_digest)
        if not path.exists():
            return begun
        saved = from_json(Summary, path.read_text(encoding="utf-8"), str(path))
        if (saved.kind, saved.count) != (begun.kind, begun.count):
            raise BadInput(
                f"{self.folder} has the runs of --{saved.kind} {saved.count}: continue them with this, or choose "
                "another --name."
            )
        if saved.data_digest != begun.data_digest:
            raise BadInput(
                f"The dataset has changed since the first runs of {self.folder}, whose scores cannot be taken together "
                "with those of others. Start anew under another --name."
            )
        return saved

    def save(self, summary: Summary) -> None:
        """Write what is known."""
        write_text(self.folder / SUMMARY, to_json(summary))


def plan_runs(
    settings: TrainingSettings,
    seeds: int | None,
    dataset: Dataset | None,
    resume: bool,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SeveralRuns | None:
    """Return the runs that are wanted; None where that is a single one.

    Args:
        settings: as given.
        seeds: number of runs with other seeds, from that of the settings on; None: one.
        dataset: that of the settings, which is divided here where folds are wanted; None: that of several workers.
        resume: whether to continue earlier runs.
        progress: called with the number of images that are compared, and of all.

    Raises:
        BadInput: seeds and folds are wanted, or one seed, the images cannot be divided, or earlier runs are others.
    """
    if seeds is None and not settings.is_several_runs:
        _require_single(settings, resume)
        return None
    _require_possible(settings, seeds)
    if dataset is None:
        raise BadInput("Several machines train one run at a time: leave out --seeds and --folds.")
    kind: Kind = "seeds" if seeds else "folds"
    several = SeveralRuns(
        kind,
        _folder(settings, kind, resume),
        _changes(settings, seeds),
        dataset.digest(),
        None if seeds else _divided(settings, dataset, progress),
    )
    if resume and (several.folder / "config.json").exists():
        raise BadInput(f"{several.folder} is a single run: continue it without --{kind}, or choose another --name.")
    several.summary()
    return several


def with_fold(settings: TrainingSettings, dataset: Dataset) -> Dataset:
    """Return the dataset of a run: with its fold as the split "val", if it has one.

    Raises:
        BadInput: the images cannot be divided, or fold is not given where folds are.
    """
    if settings.is_several_runs:
        raise BadInput("folds: one run has one of them: give fold too, 1 or more. detect.train_several trains all.")
    return dataset if settings.fold is None else _divided(settings, dataset).held_out(settings.fold)


def limit_of_next(limit: float, summary: Summary) -> float:
    """Return the time for the next run, seconds: an equal share of what is left.

    Args:
        limit: for all runs.
        summary: of those that are finished.
    """
    return max((limit - summary.seconds) / (summary.count - len(summary.runs)), 1.0)


def finished(folder: RunFolder, seconds: float, unreadable: Sequence[int | str] = ()) -> FinishedRun:
    """Return what is known of a run from its folder.

    Args:
        folder: of the run.
        seconds: time that it took.
        unreadable: ids of its validation images that could not be read.
    """
    content = json.loads(folder.evaluation.read_text(encoding="utf-8"))
    scores = {name: value for name, value in content.items() if not isinstance(value, dict)}
    return FinishedRun(name=folder.path.name, seconds=seconds, scores=scores, unreadable=tuple(unreadable))


def with_means(summary: Summary) -> Summary:
    """Return the summary of runs that are all finished, with means and deviations of their scores."""
    by_name = {
        name: [value for run in summary.runs if (value := run.scores.get(name)) is not None]
        for name in summary.runs[0].scores
    }
    mean = {name: statistics.fmean(values) for name, values in by_name.items() if values}
    deviation = {name: statistics.stdev(values) for name, values in by_name.items() if len(values) > 1}
    return summary.model_copy(update={"mean": mean, "deviation": deviation})


def _require_single(settings: TrainingSettings, resume: bool) -> None:
    path = settings.name and Path(settings.runs) / settings.name / SUMMARY
    if resume and path and path.exists():
        saved = from_json(Summary, path.read_text(encoding="utf-8"), str(path))
        raise BadInput(f"{path.parent} has the runs of --{saved.kind} {saved.count}: continue them with this.")


def _require_possible(settings: TrainingSettings, seeds: int | None) -> None:
    if seeds is not None and settings.folds is not None:
        raise BadInput(
            "Give --seeds or --folds, not both. To repeat a cross-validation with other folds, give --set seed=1."
        )
    if seeds is not None and seeds < 2:
        raise BadInput(f"--seeds: expected 2 or more runs, got {seeds}. For one run, leave it out.")


def _changes(settings: TrainingSettings, seeds: int | None) -> dict[str, dict[str, int]]:
    if seeds is None:
        return {f"fold-{fold}": {"fold": fold} for fold in range(1, (settings.folds or 0) + 1)}
    return {f"seed-{seed}": {"seed": seed} for seed in range(settings.seed, settings.seed + seeds)}


def _folder(settings: TrainingSettings, kind: Kind, resume: bool) -> Path:
    """Return the folder that is named, or else the latest one of such runs to go on with, or a new one."""
    root = Path(settings.runs)
    if settings.name is not None:
        return root / settings.name
    taken = list(itertools.takewhile(Path.exists, possible_folders(root, kind)))
    return taken[-1] if resume and taken else next(itertools.islice(possible_folders(root, kind), len(taken), None))


def _divided(
    settings: TrainingSettings, dataset: Dataset, progress: Callable[[int, int], None] = lambda done, total: None
) -> Folds:
    for name in PARTS:
        check_losses(dataset, name, settings.max_lost)
    return divide_into_folds(dataset, settings.folds or 0, settings.seed, settings.group_by, progress)
