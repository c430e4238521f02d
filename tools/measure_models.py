"""Measure the models: size, work, speed and memory, torchvision's beside ours; write the table of docs/performance.md.

    python tools/measure_models.py                     all models
    python tools/measure_models.py ssd-vgg16 fcos-r50  these; the other rows of the page stay as they are

Torchvision's are measured where PyTorch and torchvision are installed, as in the environment of `make parity`:
.venv-parity/bin/python tools/measure_models.py. Ours and theirs take turns, so that what else the machine does hits
both. The numbers are for a machine that does nothing else meanwhile.
"""

import argparse
import importlib.util
import itertools
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
CLASSES = 80
PREDICTED = 8  # images of a large batch
TRAINED = 4  # images of a training step
OBJECTS = 8  # in each of them
SECONDS = 5.0  # spent on a measurement, once each took its turn three times
ROUNDS = 3
HEAVIEST = 100e9  # multiply-adds an image at its own size; above, batches and training are not measured
HEADER = (
    "model",
    "million parameters",
    "published",
    "billion multiply-adds",
    "published",
    "at pixels",
    "COCO AP of the authors",
    "image size",
    "1 image, ms",
    f"{PREDICTED} images, ms",
    "training, images/s",
    "GB, 1 image",
    "GB, training",
    "1 image / torchvision",
    f"{PREDICTED} images / torchvision",
    "training step / torchvision",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="models; all by default")
    parser.add_argument("--part", choices=PARTS, help="measure this part of one model here, and print it as JSON")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments.names[0])))
        return 0

    from detect import models

    rows = read_rows(PAGE)
    for name in arguments.names or models.names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows[name] = cells(name, {part: in_own_process(name, part) for part in PARTS})
        write_page(PAGE, [rows[known] for known in models.names() if known in rows])
    return 0


def in_own_process(name: str, part: str) -> dict[str, Any]:
    """What a part comes to in a process that does nothing else."""
    command = [sys.executable, __file__, name, "--part", part]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


# The parts, each a dictionary of numbers


def measure_size(name: str) -> dict[str, Any]:
    """Trainable parameters, and the multiply-adds of the network for one image at the authors' size."""
    from count_operations import multiply_adds, published_side

    from detect import models

    weights = models.create(name, CLASSES).trainable_weights
    parameters = sum(math.prod(weight.shape) for weight in weights)
    return {
        "parameters": parameters / 1e6,
        "multiply_adds": multiply_adds(name) / 1e9,
        "side": published_side(name),
    }


def measure_speed(name: str) -> dict[str, Any]:
    """Median seconds of ours, and the median ratio to torchvision's, by what is done."""
    from detect import models

    side = models.variant(name).image_size
    images, boxes, labels = made_up_batch(side, PREDICTED)
    model, twin = model_of(name), twin_of(name)
    found: dict[str, Any] = {}
    counts = (1, PREDICTED) if is_light(name) else (1,)
    for count in counts:
        works = [predicting(model, images[:count])]
        if twin:
            works.append(twins().prediction(twin, images[:count]))
        found[f"predict {count}"] = take_turns(works)
    if is_light(name):
        batch = images[:TRAINED], boxes[:TRAINED], labels[:TRAINED]
        works = [training(model.detector, side, *batch)]
        if twin:
            works.append(twins().training(twin, *batch))
        found["train"] = take_turns(works)
    return found


def measure_memory(name: str) -> dict[str, Any]:
    """Largest resident memory of a process, GB: one that predicted, and went on to train."""
    from detect import models

    side = models.variant(name).image_size
    images, boxes, labels = made_up_batch(side, TRAINED)
    model = model_of(name)
    work = predicting(model, images[:1])
    for _ in range(2):
        work()
    found = {"predict": peak_gigabytes()}
    if is_light(name):
        del model, work
        step = training(models.create(name, CLASSES), side, images, boxes, labels)
        for _ in range(2):
            step()
        found["train"] = peak_gigabytes()
    return found


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "size": measure_size,
    "speed": measure_speed,
    "memory": measure_memory,
}


def is_light(name: str) -> bool:
    """Whether batches and training are measured."""
    from count_operations import multiply_adds, published_side

    from detect import models

    return multiply_adds(name) * (models.variant(name).image_size / published_side(name)) ** 2 < HEAVIEST


# Work to be timed


def made_up_batch(side: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise [count, side, side, 3], boxes [count, N, 4] and labels [count, N]."""
    random = np.random.default_rng(0)
    corners = random.uniform(0, 0.7 * side, (count, OBJECTS, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0.05, 0.3, (count, OBJECTS, 2)) * side], axis=-1)
    images = random.integers(0, 256, (count, side, side, 3), np.uint8)
    return images, boxes.astype(np.float32), random.integers(0, CLASSES, (count, OBJECTS)).astype(np.int32)


def model_of(name: str) -> Any:
    """Our model with random weights, ready to predict."""
    from detect import models
    from detect.inference.predictor import Model
    from detect.models.saving import ModelCard

    row, classes = models.variant(name), tuple(f"class {number}" for number in range(CLASSES))
    card = ModelCard(
        model=name, config={}, classes=classes, category_ids=tuple(range(CLASSES)), image_size=row.image_size
    )
    return Model(models.create(name, CLASSES), card)


def predicting(model: Any, images: np.ndarray) -> Callable[[], Any]:
    return lambda: model.detect(images, confidence=model.detector.config.confidence)


def training(detector: Any, side: int, images: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Callable[[], Any]:
    """A step as in a training run: forward, loss, gradients, update, average."""
    import tensorflow as tf

    from detect.structures import Batch, Targets
    from detect.training.average import WeightAverage
    from detect.training.optimizers import Optimizer
    from detect.training.settings import OptimizerSettings
    from detect.training.step import TrainingStep

    targets = Targets(tf.constant(boxes), tf.constant(labels), tf.zeros(labels.shape, bool))
    batch = Batch(tf.constant(images), targets, tf.range(len(images), dtype=tf.int64))
    variables = [variable.value for variable in detector.trainable_variables]
    optimizer = Optimizer(OptimizerSettings(name="sgd"), variables)
    step = TrainingStep(detector, optimizer, WeightAverage(detector), (side,))
    return lambda: sum(float(loss) for loss in step((batch,), side, 1e-5, 0.99).values())


def twin_of(name: str) -> Any:
    installed = all(importlib.util.find_spec(package) for package in ("torch", "torchvision"))
    return twins().create_twin(name) if installed else None


def twins() -> Any:
    """The file beside this one, which needs PyTorch."""
    import torchvision_twins

    return torchvision_twins


def take_turns(works: list[Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of the first, and the median of its ratio to the second where there is one."""
    for work in works:  # compiles
        work()
        work()
    rounds: list[list[float]] = []
    start = time.perf_counter()
    while len(rounds) < ROUNDS or time.perf_counter() - start < SECONDS:
        rounds.append([seconds(work) for work in works])
    found = {"seconds": statistics.median(times[0] for times in rounds)}
    if len(works) > 1:
        found["ratio"] = statistics.median(times[0] / times[1] for times in rounds)
    return found


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_gigabytes() -> float:
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # on Linux
    return kibibytes * 1024 / 1e9


# The page


def cells(name: str, parts: dict[str, dict[str, Any]]) -> list[str]:
    """A row of the table."""
    from detect import models

    row, size, speed, memory = models.variant(name), parts["size"], parts["speed"], parts["memory"]
    one, many, train = (speed.get(key, {}) for key in ("predict 1", f"predict {PREDICTED}", "train"))
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
        number(memory["predict"], 1),
        number(memory.get("train"), 1),
        *(number(part.get("ratio"), 2) for part in (one, many, train)),
    ]


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def read_rows(page: Path) -> dict[str, list[str]]:
    """The rows of a page that was written before, by the name of the model."""
    lines = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row for row in rows if len(row) == len(HEADER)}


def write_page(page: Path, rows: list[list[str]]) -> None:
    lines = [HEADER, ["---"] * len(HEADER), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    page.write_text(f"{introduction()}\n\n{table}\n", encoding="utf-8")


def introduction() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(itertools.chain(named, [platform.processor()]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"""<!-- Written by tools/measure_models.py: measure again instead of editing. -->

# Size, speed and memory of the models

Measured with random weights for {CLASSES} classes on {cores} cores of {processor}, {date.today().isoformat()}.

Multiply-adds are counted as the authors do, for one image of the size in the column behind: those of convolutions and
matrix products, for YOLOX also normalisation, for EfficientDet all arithmetic and 90 classes. For
`fasterrcnn-mobilenetv3` they are of an image in which nothing is proposed; the 150 regions of the second stage, which
are always computed here, take 2.15 billion more. What stands to the right is at the model's own default size.

Predicting is from pixels to boxes after suppression; training is a step of {TRAINED} images of {OBJECTS} objects. The
last columns are our time over torchvision's for the same work, by turns in one process: below 1 ours is faster. Where
torchvision's compiled operators do not load, TensorFlow's suppression and PyTorch's `grid_sample` stand in for them. GB
are the largest resident memory of a process that does nothing else, TensorFlow included."""


if __name__ == "__main__":
    sys.exit(main())
