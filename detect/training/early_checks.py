"""Mistakes in a request for a training run that are found before TensorFlow is imported, which takes seconds."""

import os
from pathlib import Path
from typing import Any

from detect.data.dataset import Dataset
from detect.data.readers.description import open_dataset
from detect.errors import BadInput
from detect.training.resolution import given_settings
from detect.training.run_folder import require_free


def open_requested(options: dict[str, Any], assignments: list[str], resume: bool) -> Dataset:
    """Return the dataset of a run for which everything else has been checked that can be without TensorFlow.

    Args:
        options: values of top-level settings, by name.
        assignments: texts `key=value`, as `--set` takes them.
        resume: whether to continue a run.

    Raises:
        BadInput: an option, a setting, a name, a path or the dataset cannot be used.
    """
    settings = given_settings(options, assignments)
    # Of several workers, one creates the folder, maybe before the others come here.
    if not resume and "TF_CONFIG" not in os.environ:
        require_free(settings)
    _require_weights(settings.weights)
    return open_dataset(settings.data)


def _require_weights(weights: str) -> None:
    """Raise `BadInput` for a path at which nothing is; other words may be names of published weights."""
    path = Path(weights)
    if not os.path.exists(path) and (len(path.parts) > 1 or path.suffix in (".pth", ".pt", ".onnx", ".safetensors")):
        raise BadInput(f"--weights: {weights} does not exist (in {Path.cwd()}). Check the path.")
