"""Measure a trained model and all its exports on this machine: `detect.benchmark`."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detect import models
from detect.artefacts.export_card import files_size
from detect.data.dataset import Dataset
from detect.data.readers.description import open_dataset
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.evaluation.evaluation_run import evaluate
from detect.inference.exports import BACK_ENDS, fresh_exports, is_installed
from detect.models import speeds
from detect.models.card import CARD, WEIGHTS, load_card, model_folder
from detect.reports.bar_charts import bar_charts

FORMATS = BACK_ENDS[1:]  # all except "auto"
SECONDS = 3.0  # of calls with one image, and again with batches


@dataclass(frozen=True)
class Measured:
    """The figures of one form of the model."""

    name: str  # "tensorflow", or the folder of the export
    AP: float | None  # 0..1; None without a dataset
    milliseconds: float  # per image, median; images are arrays of the model's own size
    milliseconds_95: float  # 95th percentile
    images_per_second: float  # in batches of 8
    memory: float  # peak of its process, MB; NaN where the system does not say
    size: float  # of its files, MB


def benchmark(
    model: str | Path,
    formats: Sequence[str] | None = None,
    *,
    data: str | Path | Dataset | None = None,
    split: str = "val",
    say: Callable[[str], None] = lambda text: None,
) -> list[Measured]:
    """Measure speed, memory, size and AP of a model and its exports, as `detect benchmark` does.

    Args:
        model: a run folder or a model folder, whose exports are measured too.
        formats: "tensorflow" and formats of exports; by default all that exist and can run here.
        data: anything that `open_dataset` takes; every form is scored on it.
        split: part of the dataset to score on.
        say: called with each progress message.

    Returns:
        The figures of each form, TensorFlow first.

    Raises:
        BadInput: there is no such model, or no export in one of the formats.
        RunFailure: one of them cannot be run.
    """
    folder = model_folder(Path(model))
    if folder is None or not (folder / WEIGHTS).is_file():  # an export has a card, too
        raise BadInput(f"{model} is not a run folder or model folder: give a folder that `detect train` wrote.")
    dataset = None if data is None else open_dataset(data)
    measured = []
    for name, form in _forms(folder, formats).items():
        say(f"Measuring {name}.")
        measured.append(_measured(name, form, dataset, split))
        if name == "tensorflow":
            _remember(folder, measured[-1])
    return measured


def _remember(folder: Path, form: Measured) -> None:
    """Keep the speed of a model for `detect models`, unless its architecture is another than that of its name."""
    card = load_card(folder)
    if card.model in models.names() and card.config == models.variant(card.model).config.model_dump(mode="json"):
        with contextlib.suppress(RunFailure):  # a cache that cannot be written is no fault of the measurement
            speeds.remember(card.model, speeds.Speed(form.milliseconds, card.image_size))


def chart(measured: Sequence[Measured]) -> str:
    """Return the figures as bar charts, the text of an SVG file."""
    columns: dict[str, Sequence[float]] = {
        "ms per image": [form.milliseconds for form in measured],
        "images/s in batches": [form.images_per_second for form in measured],
        "memory, MB": [form.memory for form in measured],
        "size, MB": [form.size for form in measured],
    }
    scores = [100 * form.AP for form in measured if form.AP is not None]
    return bar_charts([form.name for form in measured], {"AP, points": scores, **columns} if scores else columns)


def _forms(folder: Path, formats: Sequence[str] | None) -> dict[str, Path]:
    """Return the folders to measure by their names in the table."""
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


def _measured(name: str, folder: Path, dataset: Dataset | None, split: str) -> Measured:
    """Measure speed and memory in a separate process, then AP."""
    command = [sys.executable, "-m", "detect.export.measuring", str(folder), str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        *_, end = ["", *done.stderr.strip().splitlines()]
        reason = end.removeprefix("detect.errors.BadInput: ") or f"its process ended with status {done.returncode}."
        raise RunFailure(f"{folder} cannot be measured: {reason}")
    own = name == "tensorflow"  # this folder also holds the exports
    size = sum((folder / file).stat().st_size for file in (CARD, WEIGHTS)) if own else files_size(folder)
    return Measured(
        name=name,
        AP=None if dataset is None else evaluate(folder, dataset, split).AP,
        size=size / 1e6,
        **json.loads(done.stdout.splitlines()[-1]),
    )
