"""Places of trained models, as users name them: what is expected there, without importing TensorFlow."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from detect import models
from detect.errors import BadInput, did_you_mean
from detect.models import own_files
from detect.models.card import BEST, CARD, load_card, model_folder

# A checkpoint is called like its model, with one of these at the end: what it was trained on.
_OF_CHECKPOINTS = ("-coco", "-obj2coco")
EXPECTED = (
    f"Expected a run folder (with {BEST}) or a model folder (with {CARD}), or the name of a published checkpoint "
    "(`detect weights list`)."
)


def model_at(named: str | Path) -> str | None:
    """Return the name of the model in a run or model folder, or of a published checkpoint; None for anything else.

    Whether a checkpoint is published is not known without TensorFlow.

    Raises:
        BadInput: its class is in a file of the folder that is not trusted, see `own_files`: whoever has the name may
            run the file.
    """
    model = _named_at(named)
    if model is not None and own_files.is_own(model):
        own_files.require_trusted(model)
    return model


def _named_at(named: str | Path) -> str | None:
    """See `model_at`; the name may be that of a file that is not trusted or not there, as in exports."""
    folder = model_folder(Path(named))
    if folder is not None:
        return own_files.in_folder(load_card(folder).model, folder)
    before = [str(named).removesuffix(ending) for ending in _OF_CHECKPOINTS]
    return next((model for model in before if model != str(named) and model in models.names()), None)


def near_checkpoints(name: str) -> list[str]:
    """Return what a checkpoint may be called that the user has misspelt as `name`; at most one name."""
    return difflib.get_close_matches(name, [f"{model}{_OF_CHECKPOINTS[0]}" for model in models.names()], n=1)


def require_model(named: str | Path, found: str, expected: str | None) -> None:
    """Raise `BadInput` where weights are of another model than `expected`.

    Args:
        named: the weights, as the user named them.
        found: the name of their model.
        expected: the name of the model that they should be of; None: any.
    """
    if expected is not None and own_files.short_name(expected) != own_files.short_name(found):
        raise BadInput(f"{named} is a {found}, not a {expected}. Name the model {found}, or give other weights.")


def require_place(named: str | Path, is_file_allowed: bool = False) -> None:
    """Raise `BadInput` where no model is; models and checkpoints that exist, by their names, are told apart later.

    Args:
        named: what the user gave as a model.
        is_file_allowed: whether it may be the file of a checkpoint.
    """
    path = Path(named)
    is_name = str(named) in models.names() and not os.path.exists(path)
    if not is_name and _named_at(named) is None and not (is_file_allowed and os.path.isfile(path)):
        raise BadInput(nothing_there(path, near_checkpoints(str(named))))


def nothing_there(path: Path, names: Iterable[str] = ()) -> str:
    """Return a message that says why `path` is not a model, and what was expected; `names` may be meant."""
    if os.path.isfile(path):  # `Path.is_file` raises an error for a name that is too long
        return f"{path} is a file. Name its model, and give the file as weights. {EXPECTED}"
    if os.path.exists(path):
        return f"{path} does not contain a model. {EXPECTED}"
    runs = [run.as_posix() for run in sorted(Path("runs").glob("*")) if (run / BEST / CARD).is_file()]
    advice = did_you_mean(path.as_posix(), [*runs, *names])
    return f"There is no {path} (in {Path.cwd()}). {EXPECTED} {advice}".rstrip()
