"""Measure size, cost, speed and memory of the models, beside PyTorch's; write the tables of docs/performance.md.

    python tools/measure_models.py                     all models
    python tools/measure_models.py ssd-vgg16 fcos-r50  these models; the other rows of the page stay as they are

The models of torchvision and transformers run in environments of their own, which the first call creates. Ours and
theirs take turns, so that other load on the machine affects both. The machine should do nothing else meanwhile.
"""

import argparse
import contextlib
import itertools
import os
import platform
import statistics
import sys
from datetime import date
from pathlib import Path
from typing import Any

from measuring.batches import CLASSES, OBJECTS, PREDICTED, TRAINED, TRANSFORMERS, TWINS
from measuring.environments import TORCH, python_of
from measuring.environments import TRANSFORMERS as OF_TRANSFORMERS
from measuring.workers import Worker, take_turns

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
SECONDS = 5.0  # least time spent on a measurement
ROUNDS = 3
SLOWEST = 1.0  # seconds per image; for slower models, batches and training are not measured: they need too much memory
SIZE_HEADER = (
    "model",
    "million parameters",
    "published",
    "billion multiply-adds",
    "published",
    "image side, pixels",
    "published COCO AP",
)
SPEED_HEADER = (
    "model",
    "image side, pixels",
    "1 image, ms",
    f"{PREDICTED} images, ms",
    "training, images/s",
    "GB, 1 image",
    "GB, training",
    "1 image / PyTorch",
    f"{PREDICTED} images / PyTorch",
    "training step / PyTorch",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="models; default: all")
    chosen = parser.parse_args().names

    from detect import models

    rows = read_rows(PAGE)
    for name in chosen or models.names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows[name] = cells(name, **measure(name, models.variant(name).image_size))
        write_page(PAGE, [rows[known] for known in models.names() if known in rows])
    return 0


def measure(name: str, side: int) -> dict[str, dict[str, Any]]:
    """Measure memory first, while the process contains nothing else, and sizes last, since they create more models."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(Worker(sys.executable, "our_models.py"))
        theirs = stack.enter_context(Worker(*twin)) if (twin := twin_of(name)) else None
        ours.do(f"{name} one")
        first = ours.do(f"{name} one")
        memory, whats = {"one": first["memory"] / 1e9}, ["one"]
        if first["seconds"] < SLOWEST:
            memory["train"] = ours.do(f"{name} train")["memory"] / 1e9
            whats += ["many", "train"]
        speed = {what: compared(name, side, what, ours, theirs) for what in whats}
        return {"size": ours.do(f"{name} size"), "speed": speed, "memory": memory}


def twin_of(name: str) -> tuple[Path, str] | None:
    """Return interpreter and script that run the same network in PyTorch, if there is one."""
    if name in TWINS:
        return python_of("torch"), "torchvision_models.py"
    if name.partition("-")[0] in TRANSFORMERS:
        return python_of("transformers"), "transformers_models.py"
    return None


def compared(name: str, side: int, what: str, ours: Worker, theirs: Worker | None) -> dict[str, float]:
    """Return our median seconds and, if PyTorch has the model, the median of the ratio to its seconds."""
    tasks = [lambda: ours.do(f"{name} {what}")]
    if theirs:
        tasks.append(lambda: theirs.do(f"{name} {side} {what}"))
    rounds = list(zip(*take_turns(tasks, ROUNDS, SECONDS), strict=True))
    found = {"seconds": statistics.median(answers[0]["seconds"] for answers in rounds)}
    if theirs:
        found["ratio"] = statistics.median(answers[0]["seconds"] / answers[1]["seconds"] for answers in rounds)
    return found


# The page


def cells(name: str, size: dict[str, Any], speed: dict[str, Any], memory: dict[str, Any]) -> list[str]:
    """Return the cells of both tables for a model."""
    from detect import models

    row = models.variant(name)
    one, many, train = (speed.get(key, {}) for key in ("one", "many", "train"))
    return [
        f"`{name}`",
        number(size["parameters"], 2),
        number(row.parameters, 2),
        number(size["multiply_adds"], 3),
        number(row.multiply_adds, 3),
        str(size["side"]),
        number(row.published_ap, 1),
        str(row.image_size),
        number(1000 * one["seconds"], 0),
        number(1000 * many["seconds"] if many else None, 0),
        number(TRAINED / train["seconds"] if train else None, 2),
        number(memory["one"], 1),
        number(memory.get("train"), 1),
        *(number(part.get("ratio"), 2) for part in (one, many, train)),
    ]


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def read_rows(page: Path) -> dict[str, list[str]]:
    """Return the cells of both tables of a page that was written before, by the name of the model."""
    rows: dict[str, list[str]] = {}
    for line in page.read_text(encoding="utf-8").splitlines() if page.is_file() else ():
        if line.startswith("| `"):
            model, *others = (cell.strip() for cell in line.strip("|").split("|"))
            rows.setdefault(model.strip("`"), [model]).extend(others)
    return rows


def write_page(page: Path, rows: list[list[str]]) -> None:
    columns = len(SIZE_HEADER)
    sizes = table(SIZE_HEADER, [row[:columns] for row in rows])
    speeds = table(SPEED_HEADER, [row[:1] + row[columns:] for row in rows if row[columns:]])
    page.write_text("\n\n".join([TITLE, SIZES, sizes, speed_notes(), speeds]) + "\n", encoding="utf-8")


def table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows])


TITLE = """<!-- Written by tools/measure_models.py: measure again instead of editing. -->

# Size, speed and memory of the models"""

SIZES = f"""## Size

Parameters are trainable parameters for {CLASSES} classes. Multiply-adds are those of one image with the given side,
counted as the authors count them: of convolutions and matrix products, for YOLOX also of normalisation, for D-FINE
without the products within attention, and for EfficientDet of all arithmetic, with 90 classes. Those that are published
for D-FINE and RT-DETRv2 are rounded to half a billion. For `fasterrcnn-mobilenetv3` they are those of an image without
proposals; the 150 regions of the second stage, which are always computed here, take 2.15 billion more."""


def speed_notes() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(itertools.chain(named, [platform.processor()]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"""## Speed and memory

Measured on {cores} cores of {processor}, {date.today().isoformat()}, with random weights for {CLASSES} classes and
square images of each model's default size.

Prediction is from pixels to boxes after suppression. Training is a step of {TRAINED} images with {OBJECTS} objects
each. Batches and training are only measured for models that take less than {SLOWEST:g} second per image. GB is the
peak resident memory of a process that does nothing else, including TensorFlow.

The last columns are our time divided by that of PyTorch for the same work, which ran in turns with ours in a process of
its own: below 1, ours is faster. The models are those of torchvision ({", ".join(TORCH)}) and, of D-FINE, RT-DETRv2 and
RF-DETR, those of transformers ({", ".join(OF_TRANSFORMERS)})."""


if __name__ == "__main__":
    sys.exit(main())
