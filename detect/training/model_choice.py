"""The model of a run: the one that is named, that of the initial weights, or one that suits the machine and the time.

This does not need TensorFlow.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

from detect import models
from detect.errors import BadInput, did_you_mean
from detect.models.places import model_at, near_checkpoints, require_model

AUTO = "auto"
WORDS = (AUTO, "imagenet", "none")  # values of the setting `weights` that name no trained detector


class Candidate(NamedTuple):
    """A model with published weights that may be the default."""

    model: str
    speed: float  # images per second in training on two cores, see docs/performance.md


# The best first, by their scores on COCO. All are of one family: what is checked for one holds for all.
CANDIDATES = (Candidate("yolox-s", 1.98), Candidate("yolox-tiny", 7.19), Candidate("yolox-nano", 17.91))
ON_GPU = "yolox-s"
DEFAULT_MODEL = "yolox-nano"  # on a CPU, unless there is time for a better one
WITHOUT_WEIGHTS = "yolox-micro"  # the best one to train from random weights on a CPU
# An assumption, not a measurement: a larger model is given more than five times the 2,940 samples of yolox-nano in
# docs/benchmarks/finetuning.md.
ENOUGH_SAMPLES = 16_000


def default_model(max_time: float | None, on_gpu: bool) -> str:
    """Return the model with published weights that scores best after the time that there is.

    On a CPU it is the best one that trains on `ENOUGH_SAMPLES` in that time.

    Args:
        max_time: limit of the run, seconds; None where the user gave none.
        on_gpu: whether the model is trained on a GPU.
    """
    if on_gpu:
        return ON_GPU
    affordable = (each.model for each in CANDIDATES if (max_time or 0) * each.speed >= ENOUGH_SAMPLES)
    return next(affordable, DEFAULT_MODEL)


def choose_model(model: str, weights: str, architecture: dict[str, Any]) -> str:
    """Return the name of the model to train, or `auto` where it is left to the machine and the time.

    Args:
        model: the setting. `auto` is the model that `weights` are of. Where they are of none, it is `WITHOUT_WEIGHTS`,
            unless `weights` are `auto` too and the architecture is as published.
        weights: the setting. A folder or the name of a checkpoint says of which model it is, a file does not.
        architecture: settings of the model that the user has changed.

    Raises:
        BadInput: there is no such model, there are no such weights, they are of another model, or they are a file and
            no model is named.
    """
    if model != AUTO:
        models.require_known(model)
    if weights in WORDS:
        is_open = weights == AUTO and not architecture
        return WITHOUT_WEIGHTS if model == AUTO and not is_open else model
    if os.path.isfile(weights):
        return _model_of_file(model, weights)
    found = model_at(weights)
    if found is None:
        hint = "".join(f"Did you mean {name!r}? " for name in near_checkpoints(weights))
        raise unknown_weights(weights, f"{hint}`detect weights list` lists the checkpoints.")
    require_model(weights, found, None if model == AUTO else model)
    return found if model == AUTO else model


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
    if model == AUTO:
        meant = did_you_mean(Path(weights).stem, models.names())
        raise BadInput(
            f"--weights: {weights} is a file, which does not say of which model it is: give --model. {meant}"
        )
    return model
