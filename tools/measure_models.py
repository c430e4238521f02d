"""Measure the models: size, work, speed and memory, torchvision's beside ours; write the table of docs/performance.md.

    python tools/measure_models.py                     all models
    python tools/measure_models.py ssd-vgg16 fcos-r50  these; the other rows of the page stay as they are

Torchvision's are measured where PyTorch and torchvision are installed, as in the environment of `make parity`:
.venv-parity/bin/python tools/measure_models.py. Ours and theirs take turns, so that what else the machine does hits
both. The numbers are for a machine that does nothing else meanwhile.
"""

import argparse
import importlib.metadata
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
SECONDS = 5.0  # spent on a measurement, once each took its turns
ROUNDS = 3
SLOWEST = 1.5  # seconds an image; of slower models, batches and training are not measured
SIZE_HEADER = (
    "model",
    "million parameters",
    "published",
    "billion multiply-adds",
    "published",
    "at pixels",
    "COCO AP of the authors",
)
SPEED_HEADER = (
    "model",
    "pixels",
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
    parser.add_argument("--here", action="store_true", help="measure one model in this process, and print it as JSON")
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(measure(arguments.names[0])))
        return 0

    from detect import models

    rows = read_rows(PAGE)
    for name in arguments.names or models.names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows[name] = cells(name, **in_own_process(name))
        write_page(PAGE, [rows[known] for known in models.names() if known in rows])
    return 0


def in_own_process(name: str) -> dict[str, Any]:
    """What `measure` says, in a process that does nothing else."""
    command = [sys.executable, __file__, name, "--here"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def measure(name: str) -> dict[str, dict[str, Any]]:
    """Memory first, while there is nothing else in the process; sizes last, because they make more models."""
    from detect import models

    side = models.variant(name).image_size
    images, boxes, labels = made_up_batch(side, PREDICTED)
    batch = images[:TRAINED], boxes[:TRAINED], labels[:TRAINED]
    works, memory = {}, {}
    memory["one"], taken = first_use(predicting(model_of(name), images[:1]))
    if taken < SLOWEST:
        works["train"] = training(models.create(name, CLASSES), side, *batch)
        memory["train"], _ = first_use(works["train"])
    model = model_of(name)
    works["one"] = predicting(model, images[:1])
    if taken < SLOWEST:
        works["many"] = predicting(model, images)
    theirs = works_of_twin(name, images, batch)
    speed = {what: take_turns([work, theirs[what]] if theirs else [work]) for what, work in works.items()}
    return {"size": measure_size(name), "speed": speed, "memory": memory}


def works_of_twin(name: str, images: np.ndarray, batch: tuple[np.ndarray, ...]) -> dict[str, Callable[[], Any]]:
    """What torchvision's model does for the same names; nothing where there is none."""
    if not all(importlib.util.find_spec(package) for package in ("torch", "torchvision")):
        return {}
    import torchvision_twins as twins

    twin = twins.create_twin(name)
    if twin is None:
        return {}
    return {
        "one": twins.prediction(twin, images[:1]),
        "many": twins.prediction(twin, images),
        "train": twins.training(twin, *batch),
    }


def measure_size(name: str) -> dict[str, Any]:
    """Trainable parameters, millions, and the billions of multiply-adds of an image of the authors' size."""
    from count_operations import multiply_adds, published_side

    from detect import models

    weights = models.create(name, CLASSES).trainable_weights
    parameters = sum(math.prod(weight.shape) for weight in weights)
    return {
        "parameters": parameters / 1e6,
        "multiply_adds": multiply_adds(name) / 1e9,
        "side": published_side(name),
    }


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


def take_turns(works: list[Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of the first, and the median of its ratio to the second where there is one."""
    for work in works:  # compiles
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


def first_use(work: Callable[[], Any]) -> tuple[float, float]:
    """Largest resident memory of this process so far, GB, and the seconds of a second call."""
    work()
    taken = seconds(work)
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # on Linux
    return kibibytes * 1024 / 1e9, taken


# The page


def cells(name: str, size: dict[str, Any], speed: dict[str, Any], memory: dict[str, Any]) -> list[str]:
    """A row of the table."""
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
    """The cells of a page that was written before, those of both tables, by the name of the model."""
    rows: dict[str, list[str]] = {}
    for line in page.read_text(encoding="utf-8").splitlines() if page.is_file() else ():
        if line.startswith("| `"):
            model, *others = (cell.strip() for cell in line.strip("|").split("|"))
            rows.setdefault(model.strip("`"), [model]).extend(others)
    return rows


def write_page(page: Path, rows: list[list[str]]) -> None:
    columns = len(SIZE_HEADER)
    sizes = table(SIZE_HEADER, [row[:columns] for row in rows])
    speeds = table(SPEED_HEADER, [row[:1] + row[columns:] for row in rows])
    page.write_text("\n\n".join([TITLE, SIZES, sizes, speed_notes(), speeds]) + "\n", encoding="utf-8")


def table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows])


TITLE = """<!-- Written by tools/measure_models.py: measure again instead of editing. -->

# Size, speed and memory of the models"""

SIZES = f"""## Size

Trainable parameters for {CLASSES} classes. Multiply-adds are counted as the authors do, for one image of the size in
the column behind: those of convolutions and matrix products, for YOLOX also normalisation, for EfficientDet all
arithmetic and 90 classes. For `fasterrcnn-mobilenetv3` they are of an image in which nothing is proposed; the 150
regions of the second stage, which are always computed here, take 2.15 billion more."""


def speed_notes() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(itertools.chain(named, [platform.processor()]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"""## Speed and memory

Measured on {cores} cores of {processor}, {date.today().isoformat()}, with random weights for {CLASSES} classes and
square images of each model's own default size.

Predicting is from pixels to boxes after suppression. Training is a step of {TRAINED} images of {OBJECTS} objects.
Batches and training are measured of models that take less than {SLOWEST} seconds for an image. GB are the largest
resident memory of a process that does nothing else, TensorFlow included.

The last columns are our time over that of torchvision, {torchvision_here()}, for the same work, by turns in one
process: below 1 ours is faster."""


def torchvision_here() -> str:
    """Which torchvision this is, for the page."""
    if not importlib.util.find_spec("torchvision"):
        return "not measured again this time"
    version = importlib.metadata.version("torchvision")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:  # its operators were built for another PyTorch: torchvision_twins.py
        return f"release {version} with TensorFlow's suppression and RoIAlign by PyTorch's `grid_sample`"
    return f"release {version} with its compiled operators"


if __name__ == "__main__":
    sys.exit(main())
