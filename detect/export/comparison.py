"""Every form of a trained model side by side, on this machine: `detect.benchmark`."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detect.artefacts.export_card import files_size
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.evaluation.evaluation_run import evaluate
from detect.evaluation.figures import bar_charts
from detect.inference.exports import BACK_ENDS, fresh_exports, is_installed
from detect.models.card import CARD, WEIGHTS, model_folder

FORMATS = BACK_ENDS[1:]  # without "auto"
SECONDS = 3.0  # of calls with one picture, and again with batches


@dataclass(frozen=True)
class Measured:
    """One form of the model."""

    name: str  # "tensorflow", or the folder of the export
    AP: float | None  # 0..1; None where there was no data
    milliseconds: float  # for one picture, median; pictures are arrays of the model's own size
    milliseconds_95: float  # 95th percentile
    images_per_second: float  # in batches of 8
    memory: float  # the largest of its process, MB
    size: float  # of its files, MB


def benchmark(
    model: str | Path,
    formats: Sequence[str] | None = None,
    *,
    data: str | Path | None = None,
    split: str = "val",
    say: Callable[[str], None] = lambda text: None,
) -> list[Measured]:
    """The words are those of `detect benchmark`.

    Args:
        model: a run folder or a model folder, the exports of which are measured too.
        formats: "tensorflow" and formats of exports; by default all that are there and can run here.
        data: anything that `open_dataset` reads; every form is scored on it.
        split: which part of it.
        say: told what is going on.

    Raises:
        BadInput: there is no such model, or no export in one of the formats.
        RunFailure: one cannot be run.
    """
    folder = model_folder(Path(model))
    if folder is None:
        raise BadInput(f"{model} is no run folder or model folder: benchmark takes what `detect train` wrote.")
    measured = []
    for name, form in _forms(folder, formats).items():
        say(f"Measuring {name}.")
        measured.append(_measured(name, form, data, split))
    return measured


def chart(measured: Sequence[Measured]) -> str:
    """The same as a picture: the text of an SVG file."""
    columns: dict[str, Sequence[float]] = {
        "ms an image": [form.milliseconds for form in measured],
        "images/s in batches": [form.images_per_second for form in measured],
        "memory, MB": [form.memory for form in measured],
        "size, MB": [form.size for form in measured],
    }
    scores = [100 * form.AP for form in measured if form.AP is not None]
    return bar_charts([form.name for form in measured], {"AP, points": scores, **columns} if scores else columns)


def _forms(folder: Path, formats: Sequence[str] | None) -> dict[str, Path]:
    """What to measure: folders, by their names in the table."""
    for word in formats or ():
        if word not in FORMATS:
            raise BadInput(f"Unknown format {word!r}. {did_you_mean(word, FORMATS)}")
    wanted = FORMATS if formats is None else formats
    exports = {
        path: card.format for path, card in fresh_exports(folder).items() if formats or is_installed(card.format)
    }
    for word in formats or ():
        if word != "tensorflow" and word not in exports.values():
            raise BadInput(f"{folder} has no export for {word}. Make one: detect export {folder} --format {word}")
    original = {"tensorflow": folder} if "tensorflow" in wanted else {}
    return {**original, **{path.name: path for path, kind in exports.items() if kind in wanted}}


def _measured(name: str, folder: Path, data: str | Path | None, split: str) -> Measured:
    """Speed and memory in a process of its own, then AP."""
    command = [sys.executable, "-m", "detect.export.measuring", str(folder), str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RunFailure(f"{folder} cannot be measured:\n{done.stderr.strip()[-1000:]}")
    own = name == "tensorflow"  # whose folder holds exports as well
    size = sum((folder / file).stat().st_size for file in (CARD, WEIGHTS)) if own else files_size(folder)
    return Measured(
        name=name,
        AP=None if data is None else evaluate(folder, data, split).AP,
        size=size / 1e6,
        **json.loads(done.stdout.splitlines()[-1]),
    )
