"""Measure the speed and accuracy that the project promises, and say whether they are reached on this machine.

    python tools/measure_figures.py                          all but the long ones, which are bccd and demo
    python tools/measure_figures.py throughput video         these
    python tools/measure_figures.py bccd --run runs/bccd     use a finished run instead of training for 30 minutes
    python tools/measure_figures.py --json figures.json      also write the figures to a file

The targets are for 2 CPU cores without a GPU, on a machine that does nothing else meanwhile.
"""

import argparse
import contextlib
import functools
import io
import itertools
import json
import math
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
DETECT = (sys.executable, "-m", "detect")
LONG = ("bccd", "demo")  # take half an hour and ten minutes, and only run if they are named


@dataclass(frozen=True)
class Figure:
    """A measured number and its target."""

    name: str
    value: float
    unit: str = ""
    least: float = -math.inf
    most: float = math.inf

    @property
    def passed(self) -> bool | None:
        """Whether the target is reached; None if there is none."""
        if math.isinf(self.least) and math.isinf(self.most):
            return None
        return bool(self.least <= self.value <= self.most)

    def cells(self) -> list[str]:
        low = "" if math.isinf(self.least) else f">= {self.least:g}"
        high = "" if math.isinf(self.most) else f"<= {self.most:g}"
        word = {None: "", True: "yes", False: "NO"}[self.passed]
        return [self.name, f"{self.value:.4g} {self.unit}".strip(), f"{low} {high}".strip(), word]


def main() -> int:
    arguments = parse_arguments()
    chosen = arguments.names or [name for name in MEASUREMENTS if name not in LONG]
    figures, where = [], machine()
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += MEASUREMENTS[name](arguments)
    show(figures, where)
    if arguments.json:
        rows = [{**asdict(figure), "passed": figure.passed} for figure in figures]
        rows = [{key: None if value in (math.inf, -math.inf) else value for key, value in row.items()} for row in rows]
        arguments.json.write_text(json.dumps({"machine": where, "figures": rows}, indent=2, default=float))
    return int(any(figure.passed is False for figure in figures))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"measurements: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--run", type=Path, help="run folder of a model trained on bccd; used by bccd and video")
    parser.add_argument(
        "--data", type=Path, default=SHARED_DATA, help="folder that contains bccd, videos and coco_reference"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(MEASUREMENTS)}")
    return arguments


def show(figures: list[Figure], where: dict[str, str | float]) -> None:
    rows = [["figure", "measured", "target", "reached"], *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    print("  ".join(f"{key}: {value}" for key, value in where.items()))
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def machine() -> dict[str, str | float]:
    """Return what the figures depend on. A load above 1 at the start means that other programs use the machine."""
    processor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), processor)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0]
    return {"processor": processor, "cores": cores or 0, "load": load, "python": platform.python_version()}


def median_seconds(work: Callable[[], object], repeats: int, warmups: int = 1) -> float:
    for _ in range(warmups):
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


# Scoring


def measure_coco_reference(arguments) -> list[Figure]:
    """Compare our scores with those of pycocotools, which reads the same files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from detect.evaluation.coco_scores import METRICS
    from detect.evaluation.results_file import evaluate_predictions

    folder = arguments.data / "coco_reference"
    truth, results = (
        folder / name for name in ("instances_val2014_100.json", "instances_val2014_fakebbox100_results.json")
    )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = COCOeval(coco, coco.loadRes(str(results)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    scores = evaluate_predictions(results, truth)
    largest = max(abs(getattr(scores, name) - value) for name, value in zip(METRICS, evaluation.stats, strict=True))
    published = {"AP": 0.5045806987, "AP50": 0.6969727247, "AP75": 0.5729816670}
    figures = [
        Figure(f"coco_reference {name} - {value}", abs(getattr(scores, name) - value), most=5e-11)
        for name, value in published.items()
    ]
    return [*figures, Figure("coco_reference, largest of 12 differences to pycocotools", largest, most=0)]


# Reports


def measure_report(arguments) -> list[Figure]:
    """Measure how soon Chromium shows the report on 10,000 images with 140,000 boxes and detections, from its files."""
    from detect.reports.model_report import write_model_report
    from detect.reports.next_steps import Subject

    with tempfile.TemporaryDirectory() as folder:
        scores, images = many_scored_images(10_000)
        start = time.perf_counter()
        page = write_model_report(Path(folder) / "report", scores, images, Subject("model", "data", "val"))
        written = time.perf_counter() - start
        painted, listed = zip(*(seconds_to_show(page.as_uri()) for _ in range(5)), strict=True)
    return [
        Figure("report on 10,000 images, without pictures: written", written, "s"),
        Figure("report on 10,000 images: first paint", statistics.median(painted), "s", most=2),
        Figure("report on 10,000 images: the first of them are listed", statistics.median(listed), "s"),
    ]


def many_scored_images(count: int):
    """Return images with 7 objects each, of 20 classes, and as many right as wrong detections, and their scores."""
    from detect.evaluation.coco_scores import score
    from detect.evaluation.detections import Found
    from detect.evaluation.truth import Truth
    from detect.reports.scored_images import ScoredImages

    random, total, ids = np.random.default_rng(0), 7 * count, np.arange(count)
    owners, labels = np.repeat(ids, 7), random.integers(0, 20, total)
    boxes = np.concatenate([random.uniform(0, 500, (total, 2)), random.uniform(10, 100, (total, 2))], axis=1)
    files = tuple(f"{number}.jpg" for number in range(count))
    names, areas, crowd = tuple(map(str, range(20))), boxes[:, 2:].prod(axis=1), np.zeros(total, bool)
    truth = Truth(ids, np.arange(20), names, owners, labels, boxes, areas, crowd, files)
    detected = np.concatenate([boxes + 1, random.permutation(boxes)])
    confidences = np.concatenate([random.beta(4, 2, total), random.beta(1, 4, total)])
    found = Found(np.tile(owners, 2), np.tile(labels, 2), detected, confidences)
    return score(truth, found), ScoredImages(list(files), np.full([count, 2], 640.0), np.ones(count))


def seconds_to_show(address: str) -> tuple[float, float]:
    """Return the time in which a new browser paints a report for the first time, and that until it lists images."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
    with sync_playwright() as started:
        page = started.chromium.launch(executable_path=program, args=arguments).new_page()
        page.goto(address)
        page.locator(".card").first.wait_for(state="attached")
        entry = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        end = "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart"
        return page.evaluate(entry) / 1000, page.evaluate(end) / 1000


# Training


def measure_throughput(arguments) -> list[Figure]:
    """Measure three minutes of a run on bccd with the default settings at 320 px."""
    with tempfile.TemporaryDirectory() as folder:
        train_bccd(arguments.data, Path(folder), "throughput", "3m")
        return throughput_of(Path(folder) / "throughput")


def measure_bccd(arguments) -> list[Figure]:
    """Score a run on bccd from random weights on val and test; with `--run`, a finished one."""
    import detect

    if not arguments.run:
        train_bccd(arguments.data, ROOT / "runs", "bccd", "30m")
    run = arguments.run or ROOT / "runs" / "bccd"
    model = detect.load(run)
    val, test = (detect.evaluate(model, arguments.data / "bccd", part) for part in ("val", "test"))
    rows = journal(run)
    return [
        Figure("bccd, parameters", model.backend.detector.count_params() / 1e6, "million", most=3),
        Figure("bccd, time of the run", (rows[-1]["time"] - rows[0]["time"]) / 60, "minutes", most=30),
        Figure("bccd, AP on val", val.AP, least=0.53),
        Figure("bccd, AP50 on val", val.AP50, least=0.83),
        Figure("bccd, AP on test", test.AP),
        Figure("bccd, AP50 on test", test.AP50),
        Figure("bccd, AP on val - AP on test", abs(val.AP - test.AP), most=0.02),
        *throughput_of(run),
    ]


def train_bccd(data: Path, runs: Path, name: str, max_time: str) -> None:
    options = ("--data", data / "bccd", "--image-size", "320", "--weights", "none", "--max-time", max_time)
    command = [*DETECT, "train", *options, "--name", name, "--set", f"runs={runs}"]
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr, cwd=ROOT)


def throughput_of(run: Path) -> list[Figure]:
    """Return the speed that a run recorded, without its first rows, which include compilation and cold caches."""
    rows = [row for row in journal(run) if row["kind"] == "train"][2:]
    rate = statistics.median(row["images_per_second"] for row in rows)
    wait = statistics.mean(row["data_wait"] for row in rows)
    return [
        Figure("training at 320 px, batch 16", rate, "images/s", least=15),
        Figure("training, share of time waiting for data", 100 * wait, "%", most=10),
    ]


def journal(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


# Video


def measure_video(arguments) -> list[Figure]:
    """Compare a video, from file to annotated file, with the model alone on the same frames; in turns, three times."""
    from detect.inference.prediction_run import predict_to_folder

    video = arguments.data / "videos" / "one-by-one-person-detection.mp4"
    model = small_model(arguments.run)
    frames = letterboxed_frames(video, model.image_size, 16 * model.backend.batch_size)
    batches = np.split(frames, len(frames) // model.backend.batch_size)

    def batched() -> None:
        for batch in batches:
            model.detect(batch)

    alone, end_to_end = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            alone.append(len(frames) / median_seconds(batched, repeats=1))
            end_to_end.append(predict_to_folder(model, str(video), folder).rate)
    model_rate, whole_rate = statistics.median(alone), statistics.median(end_to_end)
    return [
        Figure(
            f"video, {model.card.model} at {model.image_size} px, model alone", statistics.median(alone), "frames/s"
        ),
        Figure("video, end to end", whole_rate, "frames/s"),
        Figure("video, end to end as a share of the model alone", 100 * whole_rate / model_rate, "%", least=90),
    ]


def measure_tracking(arguments) -> list[Figure]:
    """Compare tracking with detection alone on the same frames at 640 px, by the time of the processor; in turns."""
    import detect
    from detect.inference.predictor import Model
    from detect.tracking.methods import DEFAULT, METHODS

    video = str(arguments.data / "videos" / "one-by-one-person-detection.mp4")
    loaded = detect.load("yolox-nano", weights=arguments.data.parent / "weights" / "yolox_nano.onnx")
    model = Model(loaded.backend, loaded.card.model_copy(update={"image_size": 640}))
    reading: dict[str, Any] = {"start": 8, "end": 16}  # seconds in which somebody is in view

    def alone() -> None:
        for _ in model.predict(video, **reading):
            pass

    def tracked(tracker: str) -> None:
        for _ in model.track(video, tracker=tracker, **reading):
            pass

    works: dict[str, Callable[[], None]] = {
        "detection": alone,
        **{name: functools.partial(tracked, name) for name in METHODS},
    }
    seconds = processor_seconds(works, rounds=3)
    return [
        Figure(
            f"tracking with {name}, 640 px, as a share of detection",
            100 * seconds[name] / seconds["detection"],
            "%",
            most=110 if name == DEFAULT else math.inf,
        )
        for name in METHODS
    ]


def processor_seconds(works: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Return the least seconds of the processor, of all threads, that each work takes; they take turns."""
    seconds = dict.fromkeys(works, math.inf)
    for _ in range(1 + rounds):  # the first compiles
        for name, work in works.items():
            start = time.process_time()
            work()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


def small_model(run: Path | None):
    """Return the trained model, or one of the same structure with random weights, which detects nothing."""
    import detect
    from detect import models
    from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
    from detect.inference.predictor import Model
    from detect.models.card import ModelCard

    if run:
        return detect.load(run)
    card = ModelCard(model="yolox-micro", config={}, classes=("person",), category_ids=(1,), image_size=320)
    return Model(TensorFlowBackEnd(models.create(card.model, 1)), card)


def letterboxed_frames(video: Path, side: int, count: int) -> np.ndarray:
    """Return the first frames of a video, uint8 [count, side, side, 3]."""
    from detect.data.pixels.resizing import letterbox, place
    from detect.inference.sources.finding import find_sources, read_frames

    frames = itertools.islice(read_frames(find_sources(str(video)), print), count)
    placing = letterbox(side)
    return np.stack([place(frame.image, placing(frame.height, frame.width)) for frame in frames])


# Serving


def measure_serving(arguments) -> list[Figure]:
    """Compare what `detect serve` answers to eight clients with `Model.predict` on the same files, in turns."""
    from measure_serving import compare

    rounds = compare(small_model(arguments.run), arguments.data / "bccd" / "JPEGImages")
    share = statistics.median(each.serve / each.predict for each in rounds)
    return [
        Figure("detect serve, 8 clients", statistics.median(each.serve for each in rounds), "images/s"),
        Figure("detect serve as a share of Model.predict", 100 * share, "%", least=90),
    ]


# The demo


def measure_demo(_arguments) -> list[Figure]:
    """Run `make demo` in a new clone of the last commit, including the installation."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        start = time.perf_counter()
        subprocess.run(["make", "demo"], check=True, cwd=clone, env=environment, stdout=sys.stderr)
        minutes = (time.perf_counter() - start) / 60
        scores = json.loads((clone / "demo" / "scores.json").read_text())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # kibibytes on Linux, of the largest process
    return [
        Figure("make demo in a fresh clone", minutes, "minutes", most=10),
        Figure("make demo, AP50", scores["AP50"], least=0.90),
        Figure("make demo, peak memory", peak, "GiB", most=4),
    ]


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], list[Figure]]] = {
    "coco_reference": measure_coco_reference,
    "report": measure_report,
    "throughput": measure_throughput,
    "video": measure_video,
    "serving": measure_serving,
    "tracking": measure_tracking,
    "bccd": measure_bccd,
    "demo": measure_demo,
}

if __name__ == "__main__":
    sys.exit(main())
