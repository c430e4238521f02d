"""The speed of models on this machine, as far as `detect benchmark` has measured it. This does not need TensorFlow."""

import json
import platform
from pathlib import Path
from typing import Any, NamedTuple

from detect.files import write_text
from detect.machine import cache_folder


class Speed(NamedTuple):
    """The time that TensorFlow takes for one image."""

    milliseconds: float
    side: int  # size of the image as the card of the model states it, pixels


def remember(model: str, speed: Speed) -> None:
    """Keep the speed of a model for later calls of `measured`. RunFailure where that is not possible."""
    here = {**measured(), model: speed}
    write_text(_file(), json.dumps({**_content(), platform.node(): here}, indent=1) + "\n")


def measured() -> dict[str, Speed]:
    """Return the speeds that were measured on this machine, by the name of the model."""
    return {model: Speed(*speed) for model, speed in _content().get(platform.node(), {}).items()}


def _content() -> dict[str, dict[str, Any]]:
    """Return speeds by machine, because machines may share a cache folder; none where the file is damaged."""
    try:
        return json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _file() -> Path:
    return cache_folder() / "speeds.json"
