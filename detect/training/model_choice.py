"""The model of a run: the one that is named, or that of the initial weights. This does not need TensorFlow."""

import os
from pathlib import Path

from detect import models
from detect.errors import BadInput, did_you_mean
from detect.models import own_files
from detect.models.places import model_at, near_checkpoints, require_model

DEFAULT_MODEL = "yolox-micro"
WORDS = ("auto", "imagenet", "none")  # values of the setting `weights` that name no trained detector


def choose_model(model: str, weights: str) -> str:
    """Return the name of the model to train.

    Args:
        model: the setting. `auto` is the model that `weights` are of, or `DEFAULT_MODEL` where they are of none.
        weights: the setting. A folder or the name of a checkpoint says of which model it is, a file does not.

    Raises:
        BadInput: there is no such model, there are no such weights, they are of another model, or they are a file and
            no model is named.
    """
    if model != "auto":
        models.require_known(model)
    if weights in WORDS:
        return DEFAULT_MODEL if model == "auto" else model
    if os.path.isfile(weights):
        return _model_of_file(model, weights)
    found = model_at(weights)
    if found is None:
        hint = "".join(f"Did you mean {name!r}? " for name in near_checkpoints(weights))
        raise unknown_weights(weights, f"{hint}`detect weights list` lists the checkpoints.")
    require_model(weights, found, None if model == "auto" else model)
    if model == "auto" and own_files.is_own(found):
        own_files.require_trusted(found)
    return found if model == "auto" else model


def unknown_weights(weights: str, advice: str) -> BadInput:
    """Return the error about a value of the setting `weights` that names nothing."""
    path = Path(weights)
    if not os.path.exists(path) and (len(path.parts) > 1 or path.suffix in (".pth", ".pt", ".onnx", ".safetensors")):
        return BadInput(f"--weights: {weights} does not exist (in {Path.cwd()}). Check the path.")
    return BadInput(
        f"--weights: expected {', '.join(WORDS)}, a run or model folder, the name of a published checkpoint, or a file "
        f"of one or of a backbone; {weights!r} is none of these. {advice}"
    )


def _model_of_file(model: str, weights: str) -> str:
    if model == "auto":
        meant = did_you_mean(Path(weights).stem, models.names())
        raise BadInput(
            f"--weights: {weights} is a file, which does not say of which model it is: give --model. {meant}"
        )
    return model
