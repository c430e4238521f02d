"""Measure the compiled functions of this project on a GPU, and compare them with PyTorch and the limits of the device.

    python tools/export_stablehlo_cases.py FOLDER      on a machine with TensorFlow
    python tools/measure_gpu.py FOLDER OUT             on a machine with a GPU, JAX, PyTorch and torchvision
    python tools/measure_gpu.py FOLDER OUT nms         only rows whose names contain one of these words
    python tools/measure_gpu.py FOLDER OUT --profile   also the time of each kernel

The machine with the GPU needs no TensorFlow: XLA compiles the functions there from StableHLO. The training step
of YOLOX also needs its authors' package, `yolox`. Writes OUT/gpu.json and OUT/gpu.md.
"""

import argparse
import contextlib
import os
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import gpu_page
from measuring.workers import Answer, Worker, take_turns

MEGABYTE, TERA = 1e6, 1e12
ANCHOR_LOGITS = 8 * 76_725 * 80 * 4 / MEGABYTE
FLOATS_OF_IOU = 8 * 76_725 * 100 * 4 / MEGABYTE
PYRAMID = 8 * (128**2 + 64**2 + 32**2 + 16**2) * 256 * 4 / MEGABYTE
FORWARD = 26.8e9 / TERA  # operations of YOLOX-s for one image of 640 pixels, as its authors count


@dataclass(frozen=True)
class Row:
    """A case, the other project to compare with, and the least that it must move or compute."""

    name: str
    case: str
    text: str
    calls: int  # in flight together, as in a program that does not wait for each one
    peer: tuple[str, str] | None = None  # script and task
    megabytes: float = 0  # if everything is read and written once
    tera_operations: float = 0  # of matrix products, in bfloat16


ROWS = [
    Row("IoU", "iou", "76,725 anchors x 100 boxes x 8 images", 10, ("torchvision_ops.py", "iou"), FLOATS_OF_IOU),
    Row("matching", "matching", "76,725 anchors x 100 boxes x 8 images, by IoU", 10,
        ("torchvision_ops.py", "matching"), 6.1),
    Row("SimOTA", "sim_ota", "8,400 points x 100 boxes x 8 images", 10, ("megvii_ops.py", "sim_ota"), 23),
    Row("focal loss", "focal", "8 x 76,725 x 80, forward and backward", 10, ("torchvision_ops.py", "focal"),
        2 * ANCHOR_LOGITS),
    Row("NMS, 8 images", "nms_8", "8,400 boxes, 80 classes, from the best 1,000 to 100", 10,
        ("torchvision_ops.py", "nms 8 8400"), 23),
    Row("NMS, 1 image", "nms_1", "8,400 boxes, 80 classes, from the best 1,000 to 100", 10,
        ("torchvision_ops.py", "nms 1 8400"), 2.8),
    Row("RoIAlign", "roi_align", "8 images of 512 px, four levels, 1,000 boxes each", 10,
        ("torchvision_ops.py", "roi"), PYRAMID + 8_000 * 49 * 256 * 4 / MEGABYTE),
    Row("network", "network", "YOLOX-s forward and backward, 64 images of 640 px, bfloat16", 2,
        ("megvii_ops.py", "network 64 640"), 0, 64 * 3 * FORWARD),
    Row("training step", "train", "YOLOX-s with loss, update and average, 64 images of 640 px, bfloat16", 2,
        ("megvii_ops.py", "train 64 640"), 0, 64 * 3 * FORWARD),
    Row("prediction", "predict", "YOLOX-s from pixels to boxes, 16 images of 640 px, float32", 2,
        None, 0, 16 * FORWARD),
]  # fmt: skip


def main() -> int:
    arguments = parse_arguments()
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # both sides share one device
    words = [word.lower() for word in arguments.words] or [""]
    there = [row for row in ROWS if (arguments.cases / row.case).is_dir()]
    chosen = [row for row in there if any(word in row.name.lower() for word in words)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    limits, rows = measure_limits(), []
    for row in chosen:
        rows.append(measure(row, arguments.cases.resolve(), limits, arguments.profile))
        print(gpu_page.line(rows[-1]), flush=True)
        gpu_page.write(arguments.out, limits, rows)
    return int(not chosen)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, help="folder written by export_stablehlo_cases.py")
    parser.add_argument("out", type=Path, help="folder for gpu.json and gpu.md")
    parser.add_argument("words", nargs="*", default=[""], help="rows whose names contain one of these; default: all")
    parser.add_argument("--profile", action="store_true", help="also measure the time of each kernel")
    return parser.parse_args()


def measure_limits() -> dict[str, float]:
    """Return gigabytes per second of a copy, and tera-operations per second of matrix products."""
    with Worker(sys.executable, "stablehlo_cases.py") as worker:
        names = {"gigabytes_per_second": "copy", "bfloat16": "bfloat16", "float32": "float32"}
        return {key: max(worker.do(name)["rate"] for _ in range(3)) for key, name in names.items()}


def measure(row: Row, cases: Path, limits: dict[str, float], profile: bool) -> dict[str, Any]:
    task = f"{cases / row.case} {row.calls}"
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(Worker(sys.executable, "stablehlo_cases.py"))
        tasks: list[Callable[[], Answer]] = [lambda: ours.do(task)]
        if row.peer:
            theirs, their_task = stack.enter_context(Worker(sys.executable, row.peer[0])), row.peer[1]
            tasks.append(lambda: theirs.do(their_task))
        with ThreadPoolExecutor() as pool:  # both compile at once
            errors = [future.exception() for future in [pool.submit(each) for each in tasks]]
        if errors[0]:
            return {"name": row.name, "text": row.text, "failed": str(errors[0])[-3000:]}
        answers = take_turns(tasks[: 1 if errors[-1] else None], rounds=7, seconds=3)
        found = summary(row, answers, limits)
        if errors[-1]:
            found["peer_failed"] = str(errors[-1])[-3000:]
        if profile:
            found["kernels"] = ours.do(f"profile {task}")["kernels"]
    return found


def summary(row: Row, answers: list[list[Answer]], limits: dict[str, float]) -> dict[str, Any]:
    sides = [[1e3 * answer["seconds"] for answer in side] for side in answers]
    least = max(row.megabytes / limits["gigabytes_per_second"], 1e3 * row.tera_operations / limits["bfloat16"])
    first = answers[0][0]
    peer = statistics.median(sides[1]) if len(sides) > 1 else None
    ratio = statistics.median(b / a for a, b in zip(*sides, strict=True)) if peer else None
    return {
        "name": row.name,
        "text": row.text,
        "device": first["device"],
        "ours": statistics.median(sides[0]),
        "ours_all": sides[0],
        "peer": peer,
        "peer_name": row.peer[0].split("_")[0] if row.peer else None,
        "ratio": ratio,
        "least": least,
        "memory": first["memory"] / MEGABYTE,
        "compiling": first["compiling"],
        "difference": first.get("difference"),
    }


if __name__ == "__main__":
    sys.exit(main())
