"""Measure what tiles are worth on large images with small objects, and compare them with SAHI.

    python tools/measure_tiling.py --out DIR                    train two models, score them, and run SAHI beside ours
    python tools/measure_tiling.py --out DIR --run RUN          with a run that was trained on tiles of that dataset

Both models have the same architecture, image size and number of samples; one is trained on tiles of the size that it
takes, the other on images that are resized to that. SAHI runs the ONNX export of the first, in an environment of its
own, on the same files, in turns with ours. Times are per image, from the file to the merged boxes.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measuring.environments import python_of
from measuring.small_objects import write_small_objects

import detect
from detect.data.readers.description import open_dataset
from detect.evaluation.results_file import evaluate_predictions
from detect.files import write_text

SIDE, OVERLAP, CONFIDENCE, BATCH = 320, 0.2, 0.01, 4
SAMPLES = 5760  # of each training
SAHI = Path(__file__).parent / "measuring" / "sahi_api.py"
SETTINGS: dict[str, Any] = {"model": "yolox-micro", "weights": "none", "image_size": SIDE, "validations": 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the dataset, the runs and the results")
    parser.add_argument("--run", type=Path, help="run that was trained on tiles of the dataset in OUT")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    data = out / "small" / "small_objects.yaml"
    if not data.exists():
        write_small_objects(data.parent)
    runs = {"tiles": arguments.run or trained(data, out, SIDE), "resized": trained(data, out, None)}
    for name, run in runs.items():
        print(f"{name}: AP {detect.evaluate(run, data).AP:.3f}", flush=True)
    print(f"the model of tiles on resized images: AP {detect.evaluate(runs['tiles'], data, tile=0).AP:.3f}", flush=True)
    compare(runs["tiles"], data, out, arguments.rounds)


def trained(data: Path, out: Path, tile: int | None) -> Path:
    """Train for `SAMPLES` samples, unless that was done; return the folder of the run."""
    name = "resized" if tile is None else "tiles"
    folder = out / "runs" / name
    if not (folder / "evaluation.json").exists():
        samples = 720 if tile else len(open_dataset(data).splits["train"])  # of an epoch
        detect.train(data, epochs=SAMPLES / samples, tile=tile, name=name, runs=str(out / "runs"), **SETTINGS)
    return folder


def compare(run: Path, data: Path, out: Path, rounds: int) -> None:
    """Print AP and seconds per image of ours and of SAHI, with the ONNX export of a run."""
    artefact = run / "exports" / "onnx"
    if not artefact.exists():
        subprocess.run([sys.executable, "-m", "detect", "export", run, "--data", data, "--format", "onnx"], check=True)
    records = open_dataset(data).splits["val"]
    images = [records.image_path(index) for index in range(len(records))]
    model = detect.load(artefact)
    sides = {
        "detect": lambda path: ours(model, images, path),
        "SAHI, tiles only": lambda path: sahi(artefact, images, path, whole=False),
        "SAHI, its defaults": lambda path: sahi(artefact, images, path, whole=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            seconds[name].append(measure(out / f"{name}.json"))
    for name, times in seconds.items():
        score = evaluate_predictions(out / f"{name}.json", data).AP
        shown = ", ".join(f"{value:.3f}" for value in sorted(times))
        print(f"{name}: AP {score:.3f}, {shown} s per image", flush=True)


def ours(model: Any, images: list[Path], out: Path) -> float:
    """Write COCO results, and return seconds per image without the first one."""
    options = {"tile": SIDE, "tile_overlap": OVERLAP, "confidence": CONFIDENCE, "batch_size": BATCH}
    model(images[0], **options)
    start = time.perf_counter()
    results = model.predict(images, stream=False, **options)
    seconds = (time.perf_counter() - start) / len(images)
    entries = [entry for number, result in enumerate(results, 1) for entry in result.to_coco(number)]
    write_text(out, json.dumps(entries))
    return seconds


def sahi(artefact: Path, images: list[Path], out: Path, whole: bool) -> float:
    """Do the same with SAHI."""
    (path,) = artefact.glob(f"*{SIDE}x{SIDE}*.onnx") or artefact.glob("*.onnx")
    words = [SAHI, path, out, CONFIDENCE, SIDE, OVERLAP, BATCH, int(whole), *images]
    done = subprocess.run([python_of("sahi"), *map(str, words)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])["seconds"]


if __name__ == "__main__":
    main()
