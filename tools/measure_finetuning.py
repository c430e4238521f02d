"""Measure what published weights and settings are worth on little data; write docs/benchmarks/finetuning.md.

    python tools/measure_finetuning.py --data DATASETS --weights yolox_nano.onnx    all trials that are not measured yet
    python tools/measure_finetuning.py --data DATASETS --weights yolox_nano.onnx --minutes 2    those of two minutes
    python tools/measure_finetuning.py                                              write the page only

DATASETS is a folder with a folder for each name in IMAGES. A trial has a process of its own and a line in
docs/benchmarks/finetuning.jsonl; the command can be interrupted, and goes on with the next trial.

Trials are as long as a number of samples, which other load on the machine does not change: as many as `SPEED` says that
two idle cores train on in the time. The processor time of a sample, which is recorded, says how far that is true.
"""

import argparse
import dataclasses
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LINES = ROOT / "docs" / "benchmarks" / "finetuning.jsonl"
PAGE = LINES.with_suffix(".md")
SIDE = 320  # pixels
SPEED = {"yolox-nano": 28.0, "yolox-micro": 26.0}  # samples per second at that size; in proportion to processor time
AROUND = 15.0  # seconds of a run that are not training: imports, compilation, the scores at the end
SEEDS = (0, 1, 2)
IMAGES = {  # where the datasets come from
    "bccd": "BCCD (blood cells, 3 classes): https://github.com/Shenggan/BCCD_Dataset",
    "raccoon": "Raccoon (1 class): https://github.com/datitran/raccoon_dataset",
    "kangaroo": "Kangaroo (1 class): https://github.com/experiencor/kangaroo",
}


@dataclass(frozen=True)
class Trial:
    """A training run, by what decides its score."""

    data: str
    model: str
    start: str  # "published" or "random"
    minutes: float
    seed: int = 0
    share: float = 1.0  # of the training images
    settings: tuple[str, ...] = ()  # those that are not the defaults, as `--set` takes them

    @property
    def samples(self) -> int:
        """Number of samples that two idle cores train on in the time."""
        return round((60 * self.minutes - AROUND) * SPEED[self.model])

    @property
    def group(self) -> "Trial":
        """The trial with the first seed: those that differ in the seed only are a row of a table."""
        return dataclasses.replace(self, seed=0)


def starts(data: str, minutes: float, seed: int = 0, share: float = 1.0) -> list[Trial]:
    """Return the two trials that are compared: published weights, and what can be had without them."""
    published = Trial(data, "yolox-nano", "published", minutes, seed, share)
    return [published, dataclasses.replace(published, model="yolox-micro", start="random")]


def changed(data: str, *settings: str, seed: int = 0) -> Trial:
    """Return a trial of two minutes from published weights, with other settings than the defaults."""
    return Trial(data, "yolox-nano", "published", 2, seed, settings=settings)


CHANGES = (
    ("optimizer.learning_rate=0.002",),
    ("pipeline.augmentation.mosaic=0",),
    ("optimizer.learning_rate=0.0005",),
    ("freeze=[backbone]",),
    ("batch_size=8",),
)
PLAN: tuple[Trial, ...] = (  # the most informative first
    *starts("bccd", 2),
    *starts("raccoon", 2),
    *(changed("bccd", *settings) for settings in CHANGES[:2]),
    *starts("kangaroo", 2),
    *(changed(data, *settings) for settings in CHANGES for data in ("bccd", "raccoon")),
    *(trial for share in (0.1, 0.25, 0.5) for trial in starts("bccd", 2, share=share)),
    *(changed(data, "freeze=[backbone]", seed=seed) for seed in SEEDS for data in IMAGES),
    *(trial for seed in SEEDS for data in IMAGES for trial in starts(data, 2, seed)),
    *(trial for data in IMAGES for seed in SEEDS for trial in starts(data, 10, seed)),
    *(trial for data in IMAGES for seed in SEEDS for trial in starts(data, 30, seed)),
)


def main() -> int:
    arguments = parse_arguments()
    lines = read_lines()
    if arguments.data:
        measured = {trial_of(line) for line in lines}
        missing = [trial for trial in PLAN if trial not in measured and trial.minutes in arguments.minutes]
        for trial in dict.fromkeys(missing):
            print(f"{trial} ...", file=sys.stderr, flush=True)
            lines.append({**dataclasses.asdict(trial), **in_own_process(trial, arguments.data, arguments.weights)})
            LINES.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
            write_page(lines)
    write_page(lines)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the datasets")
    parser.add_argument("--weights", type=Path, help="file of the published weights of yolox-nano")
    parser.add_argument("--minutes", type=float, nargs="+", default=(2.0, 10.0, 30.0), help="of these trials only")
    arguments = parser.parse_args()
    if arguments.data and not arguments.weights:
        parser.error("--data needs --weights")
    return arguments


def read_lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.is_file() else []


def trial_of(line: dict[str, Any]) -> Trial:
    values = {field.name: line[field.name] for field in dataclasses.fields(Trial)}
    return Trial(**{**values, "settings": tuple(values["settings"])})


# A trial


def in_own_process(trial: Trial, data: Path, weights: Path) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(measure, trial, data, weights).result()


def measure(trial: Trial, data: Path, weights: Path) -> dict[str, float]:
    """Train, and return the scores of the model at the end on the validation split, which is the same for all."""
    from detect.data.dataset import split, with_validation
    from detect.data.readers.description import open_dataset
    from detect.training.start.resolution import resolve_settings
    from detect.training.training_run import run

    started = time.monotonic()
    dataset = with_validation(open_dataset(data / trial.data))
    dataset = dataclasses.replace(dataset, splits={**dataset.splits, "train": part(split(dataset, "train"), trial)})
    images = len(split(dataset, "train"))
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "data": str(data / trial.data),
            "model": trial.model,
            "weights": str(weights) if trial.start == "published" else "none",
            "image_size": SIDE,
            "epochs": trial.samples / images,
            "seed": trial.seed,
        }
        fixed = [f"runs={folder}", "validations=1", "pipeline.workers=1"]
        scores = run(resolve_settings(options, [*fixed, *trial.settings]), dataset=dataset).scores
    assert scores is not None  # a run that is not resumed has a best model
    return {
        "samples": trial.samples,
        "images": images,
        "validation_images": len(split(dataset, "val")),
        "AP": round(scores.AP, 4),
        "AP50": round(scores.AP50, 4),
        "seconds": round(time.monotonic() - started),
        "cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])),
    }


def part(records, trial: Trial):
    """Return the first images in a random order of the seed, so that a larger share contains a smaller one."""
    import numpy as np

    order = np.random.default_rng(trial.seed).permutation(len(records))
    return records.select(np.sort(order[: round(trial.share * len(records))]))


# The page

Lines = list[dict[str, Any]]  # of trials that differ in the seed only


def write_page(lines: Lines) -> None:
    groups: dict[Trial, Lines] = {}
    for line in lines:
        groups.setdefault(trial_of(line).group, []).append(line)
    plain = {trial: found for trial, found in groups.items() if not trial.settings}
    short = {trial: found for trial, found in groups.items() if trial.minutes == 2}
    datasets = "\n".join(f"- {text}" for name, text in IMAGES.items() if name in {trial.data for trial in groups})
    whole = {trial: found for trial, found in plain.items() if trial.share == 1}
    parts = [TITLE, datasets, BUDGETS, budgets_table(whole)]
    if any(trial.share < 1 for trial in short):
        parts += [SHARES, shares_table({trial: short[trial] for trial in plain if trial in short})]
    if any(trial.settings for trial in short):
        parts += [SETTINGS, settings_table({trial: short[trial] for trial in short if trial.start == "published"})]
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def budgets_table(groups: dict[Trial, Lines]) -> str:
    header = ("dataset", "minutes", "start")
    return table(header, groups, lambda trial: (trial.data, f"{trial.minutes:g}", start(trial)))


def shares_table(groups: dict[Trial, Lines]) -> str:
    groups = {trial: found for trial, found in groups.items() if trial.data == "bccd"}
    return table(("training images", "start"), groups, lambda trial: (f"{trial.share:.0%}", start(trial)))


def settings_table(groups: dict[Trial, Lines]) -> str:
    tried = {trial.data for trial in groups if trial.settings}
    groups = {trial: found for trial, found in groups.items() if trial.data in tried and trial.share == 1}
    return table(("dataset", "settings"), groups, lambda trial: (trial.data, ", ".join(trial.settings) or "default"))


def table(header: tuple[str, ...], groups: dict[Trial, Lines], cells: Callable[[Trial], tuple[str, ...]]) -> str:
    order = sorted(groups, key=lambda trial: (trial.data, trial.minutes, trial.share, trial.start, trial.settings))
    rows = [(*cells(trial), *score_cells(groups[trial])) for trial in order]
    titles = (*header, "samples", "AP", "AP50", "seeds")
    return "\n".join("| " + " | ".join(row) + " |" for row in [titles, ["---"] * len(titles), *rows])


def start(trial: Trial) -> str:
    return f"{trial.model}, {trial.start}"


def score_cells(lines: Lines) -> tuple[str, ...]:
    samples = " or ".join(f"{count:,}" for count in sorted({line["samples"] for line in lines}))
    return (samples, *(over_seeds([line[name] for line in lines]) for name in ("AP", "AP50")), str(len(lines)))


def over_seeds(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


TITLE = f"""<!-- Written by tools/measure_finetuning.py: measure again instead of editing. -->

# Published weights and settings on little data

What a run on few images gains from published weights, and which settings suit it. Scores are those of the model at the
end of the run, on the validation split or, where there is none, on the images that training holds out for it. The side
of the images is {SIDE} pixels. Where there are several seeds, the table shows the mean and, in brackets, the lowest and
the highest value.

A trial is as long as a number of samples, which other load on the machine does not change. Minutes are an estimate for
two cores that do nothing else, without {AROUND:g} seconds for the start and the scores at the end:

- `yolox-nano` trains on {SPEED["yolox-nano"]:g} samples a second, by its [speed at 416 pixels](../performance.md),
- `yolox-micro` on {SPEED["yolox-micro"]:g}, in proportion to the processor time that they took here.

The first trial from random weights was longer. `finetuning.jsonl` has a line for each trial, with its processor time.

The datasets:"""

BUDGETS = """## Start and time

`yolox-nano` from the published weights, and from random ones `yolox-micro`, which is the default without them."""

SHARES = """## Number of images

On BCCD, for two minutes, with a part of the training images."""

SETTINGS = """## Settings

`yolox-nano` from the published weights for two minutes, with one setting changed."""

if __name__ == "__main__":
    sys.exit(main())
