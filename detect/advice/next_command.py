"""The command that trains with given settings."""

import json
import shlex

from detect.training.run_folder import flat
from detect.training.settings import TrainingSettings

_OPTIONS = ("data", "model", "weights", "image_size", "batch_size", "epochs")
_NOT_SHOWN = ("name", "max_time")  # the run gets a name of its own, and time has a unit


def train_command(settings: TrainingSettings) -> str:
    """Return a `detect train` with which a new run has these settings; those that are the defaults are left out."""
    defaults = flat(TrainingSettings(data=settings.data).model_dump(mode="json"))
    values = flat(settings.model_dump(mode="json"))
    words = ["detect", "train"]
    for name in _OPTIONS:
        if name == "data" or values[name] != defaults[name]:
            words += [f"--{name.replace('_', '-')}", str(values[name])]
    if settings.max_time is not None:
        words += ["--max-time", f"{settings.max_time:g}s"]
    for key, value in values.items():
        if key not in (*_OPTIONS, *_NOT_SHOWN) and value != defaults.get(key):
            words += ["--set", f"{key}={json.dumps(value) if not isinstance(value, str) else value}"]
    return shlex.join(words)
