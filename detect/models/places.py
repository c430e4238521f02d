"""Places of trained models, as users name them: what is expected there, without importing TensorFlow."""

import os
from collections.abc import Iterable
from pathlib import Path

from detect.errors import BadInput, did_you_mean
from detect.models.card import CARD, RUN_FOLDERS, model_folder

EXPECTED = (
    f"Expected a run folder (with {' or '.join(RUN_FOLDERS)}) or a model folder (with {CARD}), or the name "
    "of a published checkpoint (`detect weights list`)."
)


def require_place(named: str | Path, is_file_allowed: bool = False) -> None:
    """Raise `BadInput` for a path at which no model is; a single word may be the name of a published checkpoint.

    Args:
        named: what the user gave as a model.
        is_file_allowed: whether it may be the file of a checkpoint.
    """
    path = Path(named)
    is_place = os.path.exists(path) or len(path.parts) > 1
    if is_place and model_folder(path) is None and not (is_file_allowed and os.path.isfile(path)):
        raise BadInput(nothing_there(path))


def nothing_there(path: Path, names: Iterable[str] = ()) -> str:
    """Return a message that says why `path` is not a model, and what was expected; `names` may be meant."""
    if os.path.isfile(path):  # `Path.is_file` raises an error for a name that is too long
        return f"{path} is a file. Name its model, and give the file as weights. {EXPECTED}"
    if os.path.exists(path):
        return f"{path} does not contain a model. {EXPECTED}"
    runs = [run.as_posix() for run in sorted(Path("runs").glob("*")) if model_folder(run)]
    advice = did_you_mean(path.as_posix(), [*runs, *names])
    return f"There is no {path} (in {Path.cwd()}). {EXPECTED} {advice}".rstrip()
