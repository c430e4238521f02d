"""Write docs/benchmarks/profiles.md: where the time goes in measurements that do not reach their target.

    python tools/profile_speed.py          takes a minute on two cores

The machine should do nothing else meanwhile.
"""

import argparse
import cProfile
import pstats
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tensorflow as tf
from measuring.batches import made_up_batch
from measuring.operations import floating_point_operations
from measuring.our_api import OUTPUT, SAMPLES, sample_maker
from measuring.our_models import training
from measuring.summary import machine
from measuring.workers import Worker
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

from detect import models

ROOT = Path(__file__).parents[1]
MODEL, SIDE, BATCH, CLASSES = "retinanet-r50", 512, 4, 80
MATRIX = 4096
KEPT = 0.1183  # gigabytes for 128 decoded images, as many as Ultralytics keeps
WARM = 256  # samples after which the images to keep are in memory
# Kinds of operations by a part of their names; the first match counts.
KINDS = {
    "Conv2DBackpropFilter": "convolutions, gradient of the kernel",
    "Conv2DBackpropInput": "convolutions, gradient of the input",
    "Conv2D": "convolutions",
    "BatchNorm": "batch normalisation and its gradient",
    "Relu": "ReLU and its gradient",
    "": "all other operations",
}
# Stages of making a sample, by the names of the functions.
STAGES = {"decode_jpeg": "decoding", "cvtColor": "colours", "add": "colours", "resize": "resizing", "flip": "flipping"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with bccd")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "profiles.md")
    arguments = parser.parse_args()
    arguments.out.write_text(f"""<!-- Written by tools/profile_speed.py: measure again instead of editing. -->

# Where the time goes

Profiles of the rows of the [benchmark](README.md) that do not reach their target, on {machine()}.

{training_section()}
{pipeline_section("Pipeline with mosaic, 128 decoded images kept in memory", arguments.data, mosaic=1, kept=KEPT)}""")
    return 0


def training_section() -> str:
    """Return the section on the training step: its time by kind of operation, and the peak rate of the processor."""
    step = training(MODEL, *made_up_batch(SIDE, BATCH))
    for _ in range(2):  # the first compiles, the second allocates
        step()
    seconds = median_seconds(step, 5)
    work = 3 * forward_operations() / 1e9  # forward, and as much for each of the two gradients
    matrix = tf.random.normal((MATRIX, MATRIX))
    product = tf.function(lambda: tf.reduce_sum(matrix @ matrix))
    product()
    peak = 2 * MATRIX**3 / 1e9 / median_seconds(lambda: product().numpy(), 5)
    kinds = time_by_kind(step)
    rows = [f"| {kind} | {spent / sum(kinds.values()):.0%} |" for kind, spent in kinds.most_common()]
    return "\n".join(
        [
            f"## Training step, {MODEL}, {SIDE} px, batch {BATCH}",
            "",
            f"A step of {seconds:.2f} s does {work:,.0f} billion floating-point operations in its convolutions, "
            f"{work / seconds:.0f} billion per second.",
            f"A product of two matrices, each {MATRIX:,} x {MATRIX:,}, does {peak:.0f} billion per second. At that "
            f"rate the convolutions alone take {work / peak:.2f} s.",
            "",
            "| operations | share of processor time |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def median_seconds(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def forward_operations() -> int:
    """Return the floating-point operations of the network for a batch."""
    network = tf.function(models.create(MODEL, CLASSES), [tf.TensorSpec((BATCH, SIDE, SIDE, 3), tf.uint8)])
    return floating_point_operations(network.get_concrete_function().graph)


def time_by_kind(step: Callable[[], object]) -> Counter[str]:
    """Return picoseconds of one call by kind of operation, summed over all threads."""
    space = XSpace()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            step()
        space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    kinds: Counter[str] = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            node, colon, operation = name.rpartition(":")
            if colon and "EagerLocalExecute" not in node and not node.endswith(":"):
                kinds[next(kind for part, kind in KINDS.items() if part in operation)] += event.duration_ps
    return kinds


def pipeline_section(title: str, data: Path, mosaic: float, kept: float) -> str:
    """Return the section on samples with `kept` gigabytes of images: time by stage, and the rate of two processes."""
    make = sample_maker(str(data / "bccd"), mosaic, kept)
    make(range(WARM))
    profile = cProfile.Profile()
    profile.runcall(make, range(WARM, WARM + SAMPLES))
    spent: Counter[str] = Counter()
    for (_, _, function), (_, _, own, _, _) in vars(pstats.Stats(profile))["stats"].items():
        spent[next((stage for name, stage in STAGES.items() if name in function), "everything else, in Python")] += own
    rows = [f"| {stage} | {1e3 * seconds / SAMPLES:.2f} |" for stage, seconds in spent.most_common()]
    with Worker(sys.executable, "our_api.py") as one, Worker(sys.executable, "our_api.py") as other:
        kind = f"{data / 'bccd'} {mosaic} {kept}"
        alone = rate(one, kind)
        with ThreadPoolExecutor(2) as pool:
            together = sum(pool.map(lambda worker: rate(worker, kind), (one, other)))
    return "\n".join(
        [
            f"## {title}",
            "",
            f"Samples of {OUTPUT} px, not batched: {alone:.0f} per second with one process, {together:.0f} with two.",
            "",
            "| stage, in one process with the profiler on | ms per sample |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def rate(worker: Worker, kind: str) -> float:
    """Return samples per second; the first call fills the memory for images."""
    _, answer = (worker.do(f"samples {kind}") for _ in range(2))
    return SAMPLES / answer["seconds"]


if __name__ == "__main__":
    sys.exit(main())
