"""The folder of a run and its files.

config.json   classes.txt   licences.json   data.json   metrics.jsonl   tensorboard/
loggers.json, where services get the numbers of the run
checkpoints/last.npz   checkpoints/previous.npz
teacher.json  teacher.npz, where classes are kept
best/  last/  loadable models    evaluation.json    report.html    batches_train.jpg    predictions_val.jpg
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect.config import change, read_json, to_json
from detect.errors import BadInput
from detect.evaluation.metric_rows import read_rows
from detect.files import Draft, whole_file, write_text
from detect.models import own_files
from detect.models.licences import Licences
from detect.training.model_choice import AUTO, CANDIDATES, WITHOUT_WEIGHTS
from detect.training.settings import TrainingSettings

# Settings that do not change what is trained: a run may be continued with other values of these.
_FREE = (
    *("max_lost", "allow_changed_data", "checkpoint_seconds", "loggers"),
    *("pipeline.workers", "pipeline.cache_gigabytes"),
)
# Settings that name places on one machine.
_OF_MACHINE = ("data", "runs", "weights")
# Values of settings that are decided when a run begins.
_OPEN = {"model": AUTO, "image_size": None, "batch_size": AUTO, "devices": None, "epochs": None}


class RunFolder:
    """Paths of the files of a run."""

    def __init__(self, path: Path):
        self.path = path
        self.config = path / "config.json"
        self.classes = path / "classes.txt"
        self.licences_file = path / "licences.json"
        self.data = path / "data.json"
        self.metrics = path / "metrics.jsonl"
        self.loggers = path / "loggers.json"
        self.checkpoints = path / "checkpoints" / "last.npz", path / "checkpoints" / "previous.npz"  # the newest first
        self.teacher = path / "teacher.json"
        self.teacher_boxes = path / "teacher.npz"
        self.best = path / "best"
        self.last = path / "last"
        self.evaluation = path / "evaluation.json"
        self.training_picture = path / "batches_train.jpg"
        self.validation_picture = path / "predictions_val.jpg"

    def settings(self) -> TrainingSettings:
        """Return the settings that the run was started with."""
        return read_json(TrainingSettings, self.config)

    def licences(self) -> Licences:
        """Return the licences of what the run trains; unknown in a run of an earlier version."""
        if not self.licences_file.exists():
            return Licences()
        return read_json(Licences, self.licences_file)

    def has_checkpoint(self) -> bool:
        """Return whether there is a checkpoint to continue from. A run has none until its first validation is due.

        Raises:
            BadInput: there was one, and it is gone. A run that began anew would overwrite its models.
        """
        if any(path.exists() for path in self.checkpoints):
            return True
        rows = read_rows(self.metrics)
        has_model = any(folder.exists() for folder in (self.best, self.last))
        if has_model or any(row["kind"] == "val" for row in rows):
            reached = f"step {max(row['step'] for row in rows)}" if rows else "its first validation"
            raise BadInput(
                f"{self.path} had reached {reached}, but its checkpoints are gone: it cannot be continued. Restore "
                f"{self.checkpoints[0]}, or start anew under another --name, with --weights {self.path} from its model."
            )
        return False


def new_folder(settings: TrainingSettings) -> RunFolder:
    """Create the folder of a run that starts, under the name in its settings or else under the next free one.

    Raises:
        BadInput: the name is taken, or the folder cannot be created.
    """
    root = Path(settings.runs)
    if settings.name is None:
        return _create(
            next(path for path in possible_folders(root, own_files.label(settings.model)) if not path.exists())
        )
    require_free(settings)
    return _create(root / settings.name)


def require_free(settings: TrainingSettings) -> None:
    """Raise `BadInput` where there is a run of the name in the settings already."""
    path = settings.name and Path(settings.runs) / settings.name
    if path and os.path.exists(path) and not _is_empty(path):
        raise BadInput(f"{path} exists. Continue it with --resume, or choose another --name.")


def require_place(settings: TrainingSettings) -> None:
    """Raise `RunFailure` where the folder of the run, or the one that it would be created in, cannot be written."""
    folder = Path(settings.runs) / (settings.name or "")
    place = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
    Draft(place / "config.json").close()


def resumed_folder(settings: TrainingSettings) -> RunFolder | None:
    """Return the folder of the run to continue, or None if there is none yet.

    Without a name, it is the latest run of the model, or of one of those that may be the default. What `settings` leave
    open is as in the run.

    Raises:
        BadInput: the run was started with other settings, and these change what is trained; or its model is in a file
            that is not trusted, see `own_files`.
    """
    path = Path(settings.runs) / settings.name if settings.name else _latest(Path(settings.runs), _possible(settings))
    folder = RunFolder(path) if path else None
    if folder is None or not folder.config.exists():
        if folder and os.path.exists(folder.path) and not _is_empty(folder.path):
            raise BadInput(
                f"{path} has no {folder.config.name}, the settings that the run was started with: it cannot be "
                "continued. Restore the file, or start anew under another --name."
            )
        return None
    saved = folder.settings()
    architecture = {**saved.architecture, **settings.architecture}  # weights may have added to it
    now = decisive(decided(saved, settings).model_copy(update={"architecture": architecture}))
    before = decisive(saved)
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    changed = [f"{key} was {before.get(key)!r}, is {now.get(key)!r}" for key in keys]
    if file := own_files.changed_since(saved.model, folder.path):
        changed.append(file)
    if changed:
        raise BadInput(
            f"--resume continues {path} with the settings that it was started with, but {'; '.join(changed)}. "
            "Give the same command again, or start anew under another --name."
        )
    if own_files.is_own(saved.model):
        own_files.require_trusted(saved.model)
    return folder


def decided(saved: TrainingSettings, settings: TrainingSettings) -> TrainingSettings:
    """Return `settings` with what they leave open as it was decided in `saved`, those of a run that has begun."""
    update = {name: getattr(saved, name) for name, value in _OPEN.items() if getattr(settings, name) == value}
    return settings.model_copy(update=update)


def continued(folder: RunFolder, settings: TrainingSettings) -> TrainingSettings:
    """Return the settings that a run was started with, and of `settings` those that do not change what is trained."""
    given = flat(settings.model_dump())
    return change(folder.settings(), [(key, given[key]) for key in _FREE], "--resume")


def with_own(settings: TrainingSettings, own: TrainingSettings) -> TrainingSettings:
    """Return the settings that the chief of several workers sent, with what each of them has for itself in `own`."""
    given, file = flat(own.model_dump()), ["model"] if own_files.is_own(own.model) else []
    return change(settings, [(key, given[key]) for key in (*_OF_MACHINE, *file, *_FREE)], "the settings of the chief")


def write_start(folder: RunFolder, settings: TrainingSettings, classes: tuple[str, ...], licences: Licences) -> None:
    """Write what is known of a run that starts, and the file of a model of the user's own.

    Args:
        folder: of the run.
        settings: that it is started with.
        classes: names of the classes.
        licences: of what it trains.
    """
    with whole_file(folder.config, synced=True) as file:  # nothing else says how to continue the run
        file.write(to_json(settings).encode())
    # One name a line, whatever is in a name: the number of a line is the label.
    write_text(folder.classes, "".join(f"{' '.join(name.splitlines())}\n" for name in classes))
    write_text(folder.licences_file, to_json(licences))
    if own_files.is_own(settings.model):
        own_files.write_copy(own_files.load_class(settings.model), folder.path)


def decisive(settings: TrainingSettings) -> dict[str, Any]:
    """Return the settings that change what is trained, by their dotted names."""
    located = settings.model_copy(update={"model": own_files.located(settings.model)})
    values = flat(located.model_dump(mode="json", exclude={"name", "runs"}))  # as those that were saved
    return {key: value for key, value in values.items() if key not in _FREE}


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings of groups by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found.update(flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return found


def _create(path: Path) -> RunFolder:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        way_on = "Choose another --name, or another folder for runs with --set runs=FOLDER."
        raise BadInput(f"The run folder {path} cannot be created: {error.strerror}. {way_on}") from None
    return RunFolder(path)


def _is_empty(path: Path) -> bool:
    """Return whether nothing but hidden files is in a folder: that of a run that was killed as soon as it began."""
    return path.is_dir() and all(each.name.startswith(".") for each in path.iterdir())


def possible_folders(root: Path, name: str) -> Iterator[Path]:
    """Yield the folders that a run without a name may have, the first choice first: NAME, NAME-2, NAME-3 ..."""
    number = 1
    while True:
        yield root / (name if number == 1 else f"{name}-{number}")
        number += 1


def _possible(settings: TrainingSettings) -> list[str]:
    """Return the names of the models that a run with these settings may have."""
    return [*(each.model for each in CANDIDATES), WITHOUT_WEIGHTS] if settings.model == AUTO else [settings.model]


def _latest(root: Path, models: list[str]) -> Path | None:
    configs = [path for model in models for path in root.glob(f"{own_files.label(model)}*/config.json")]
    wanted = {own_files.located(model) for model in models}
    runs = [run for run in (RunFolder(path.parent) for path in configs) if _model_of(run) in wanted]
    return max((run.path for run in runs), key=lambda path: (path / "config.json").stat().st_mtime, default=None)


def _model_of(run: RunFolder) -> str:
    return own_files.located(run.settings().model)
