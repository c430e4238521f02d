"""Measure the compiled functions of this project on a GPU, and compare them with PyTorch and the limits of the device.

    python tools/export_stablehlo_cases.py FOLDER      on a machine with TensorFlow
    python tools/measure_gpu.py FOLDER OUT             on a machine with a GPU, JAX, PyTorch and torchvision
    python tools/measure_gpu.py FOLDER OUT nms         only rows whose names contain one of these words
    python tools/measure_gpu.py FOLDER OUT --profile   also the time of each kernel

Rows that are in OUT already and are not measured again stay there.

The machine with the GPU needs no TensorFlow: XLA compiles the functions there from StableHLO. Steps of YOLOX also need
its authors' package, `yolox`, and those of D-FINE `transformers`. Writes OUT/gpu.json and OUT/gpu.md.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import gpu_page
from measuring.workers import Answer, Worker, take_turns

MEGABYTE, TERA = 1e6, 1e12
KERNELS = 20  # of a profile that are kept, the longest
ANCHOR_LOGITS = 8 * 76_725 * 80 * 4 / MEGABYTE
FLOATS_OF_IOU = 8 * 76_725 * 100 * 4 / MEGABYTE
PYRAMID = 8 * (128**2 + 64**2 + 32**2 + 16**2) * 256 * 4 / MEGABYTE
FORWARD = 26.8e9 / TERA  # operations of YOLOX-s for one image of 640 pixels, as its authors count


ROIS_MEGABYTES = 8_000 * 49 * 256 * 4 / MEGABYTE
PREDICTED = (
    ("YOLOX-s", "yolox-s", "megvii_ops.py", "predict"),
    ("RetinaNet-R50", "retinanet-r50", "torch_steps.py", "predict retinanet-r50"),
)


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
    images: int = 0  # of a step


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
        ("torchvision_ops.py", "roi"), PYRAMID + ROIS_MEGABYTES),
    Row("RoIAlign, gradient", "roi_gradient", "forward and backward of the same", 10,
        ("torchvision_ops.py", "roi_gradient"), 3 * PYRAMID + 3 * ROIS_MEGABYTES),
    Row("network, YOLOX-s", "network_yolox-s", "640 px, forward and backward without loss", 2,
        ("megvii_ops.py", "network 64 640"), 0, 64 * 3 * FORWARD, 64),
    Row("training step, YOLOX-s", "train_yolox-s", "640 px", 2,
        ("megvii_ops.py", "eager train 64 640"), 0, 64 * 3 * FORWARD, 64),
    Row("training step, RetinaNet-R50", "train_retinanet-r50", "512 px", 2,
        ("torch_steps.py", "eager train retinanet-r50 32 512"), images=32),
    Row("training step, D-FINE-N", "train_dfine-n", "640 px", 2,
        ("torch_steps.py", "eager train dfine-n 32 640"), images=32),
    Row("training step, Faster R-CNN-R50", "train_fasterrcnn-r50", "640 px", 2,
        ("torch_steps.py", "eager train fasterrcnn-r50 16 640"), images=16),
    *(
        Row(f"prediction, {title}, {count} x {precision}", f"predict_{name}_{count}_{precision}", "640 px",
            20 if count == 1 else 4, (script, f"{task} {count} 640 {precision}"), images=count)
        for title, name, script, task in PREDICTED
        for count in (1, 32)
        for precision in ("bfloat16", "float32")
    ),
]  # fmt: skip


def main() -> int:
    arguments = parse_arguments()
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # both sides share one device
    words = [word.lower() for word in arguments.words] or [""]
    there = [row for row in ROWS if (arguments.cases / row.case).is_dir()]
    chosen = [row for row in there if any(word in row.name.lower() for word in words)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    limits, rows = earlier(arguments.out)
    limits = limits or measure_limits()
    for start in range(0, len(chosen), arguments.together):
        some = chosen[start : start + arguments.together]
        with contextlib.ExitStack() as stack:
            ready = [prepare(row, arguments, stack) for row in some]
            wait(future for _, futures, _ in ready for future in futures)
            for row, (workers, futures, task) in zip(some, ready, strict=True):
                try:
                    rows[row.name] = measure(row, workers, futures, task, limits, arguments.profile)
                except RuntimeError as error:
                    rows[row.name] = {"name": row.name, "text": row.text, "failed": str(error)[-3000:]}
                print(gpu_page.line(rows[row.name]), flush=True)
                gpu_page.write(arguments.out, limits, [rows[row.name] for row in ROWS if row.name in rows])
    return int(not chosen)


def earlier(folder: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Return the limits of the device and the rows by name that are in `folder` already."""
    file = folder / "gpu.json"
    content = json.loads(file.read_text()) if file.exists() else {"limits": {}, "rows": []}
    return content["limits"], {row["name"]: row for row in content["rows"]}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, help="folder written by export_stablehlo_cases.py")
    parser.add_argument("out", type=Path, help="folder for gpu.json and gpu.md")
    parser.add_argument("words", nargs="*", default=[""], help="rows whose names contain one of these; default: all")
    parser.add_argument("--together", type=int, default=1, help="rows that compile at the same time; default: 1")
    parser.add_argument("--patience", type=float, default=600, help="seconds for a side to compile; default: 600")
    parser.add_argument("--profile", action="store_true", help="also measure the time of each kernel")
    return parser.parse_args()


def measure_limits() -> dict[str, float]:
    """Return gigabytes per second of a copy, and tera-operations per second of matrix products."""
    with Worker(sys.executable, "stablehlo_cases.py") as worker:
        names = {"gigabytes_per_second": "copy", "bfloat16": "bfloat16", "float32": "float32"}
        return {key: max(worker.do(name)["rate"] for _ in range(3)) for key, name in names.items()}


def prepare(row: Row, arguments: argparse.Namespace, stack: contextlib.ExitStack) -> tuple[list, list, str]:
    """Return the workers of a row's sides, the futures of their first answers, and the task of ours."""
    task = f"{arguments.cases.resolve() / row.case} {row.calls}"
    sides = [("stablehlo_cases.py", task), *([row.peer] if row.peer else [])]
    pool = ThreadPoolExecutor(len(sides))
    workers, futures = [], []
    for script, its_task in sides:
        worker = stack.enter_context(Worker(sys.executable, script))
        workers.append(worker)
        futures.append(pool.submit(worker.do, its_task, arguments.patience))
    return workers, futures, task


def measure(
    row: Row, workers: list[Worker], futures: list[Future], task: str, limits: dict[str, float], profile: bool
) -> dict[str, Any]:
    """Return the row's figures; RuntimeError where our side failed."""
    futures[0].result()
    ours, *theirs = workers
    tasks: list[Callable[[], Answer]] = [lambda: ours.do(task)]
    peer_failed = ""
    if row.peer:
        its_task = row.peer[1]
        try:
            futures[1].result()
            theirs[0].do(its_task)  # it may run out of memory only now
            tasks.append(lambda: theirs[0].do(its_task))
        except RuntimeError as error:
            peer_failed = str(error)[-3000:]
    found = summary(row, take_turns(tasks, rounds=7, seconds=3), limits)
    if peer_failed:
        found["peer_failed"] = peer_failed
    if profile:
        kernels = ours.do(f"profile {task}")["kernels"]
        found |= {"kernels": kernels[:KERNELS], "others": gpu_page.share_of_others(kernels)}
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
        "peer_eager": answers[1][0].get("eager") if peer else None,
        "ratio": ratio,
        "least": least,
        "images": row.images,
        "memory": first["memory"] / MEGABYTE,
        "peer_memory": answers[1][0]["memory"] / MEGABYTE if peer else None,
        "compiling": first["compiling"],
        "difference": first.get("difference"),
    }


if __name__ == "__main__":
    sys.exit(main())
