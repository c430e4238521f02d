"""Tasks of `workers.py`: this project as its users call it, and its training step. Arguments are paths and numbers.

pipeline DATA SIDE BATCH IMAGES MOSAIC KEPT   training batches; KEPT: gigabytes of decoded images to keep
samples DATA MOSAIC KEPT             the samples of such batches
predict MODEL SIDE FILE COUNT        an image COUNT times at once, through the API; MODEL: a name or an export
video MODEL SIDE FILE OUT            reading, detection, drawing and writing
train MODEL SIDE BATCH               a training step
save MODEL SIDE FOLDER               write a model with random weights to a folder
export FOLDER SIDE OUT               export such a model to OpenVINO
score TRUTH RESULTS                  score a COCO results file
open DATA                            read annotations into records
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring.serving import SETTLING, Task, peak_memory, serve

SAMPLES, OUTPUT = 640, 640  # the number of `samples` and their side


def prepare(task: str) -> Task:
    name, *arguments = task.split()
    return TASKS[name](*arguments)


def pipeline(data: str, side: str, batch: str, images: str, mosaic: str, kept: str) -> Task:
    import detect
    from detect.data.pipeline import PipelineSettings, training_batches
    from detect.data.samples.augmentation import Augmentation

    augmentation = Augmentation(mosaic=float(mosaic))
    workers = len(os.sched_getaffinity(0))
    settings = PipelineSettings(augmentation=augmentation, cache_gigabytes=float(kept), workers=workers)
    records = detect.open_dataset(data).splits["train"]
    batches = iter(training_batches(records, settings, sizes=(int(side),), batch_size=int(batch), seed=0))
    return lambda: timed_batches(batches, int(images) // int(batch))


def timed_batches(batches, count: int) -> dict[str, Any]:
    """Return the seconds that `count` batches take, after those that were made in advance."""
    for _ in range(4):
        next(batches)
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    seconds = time.perf_counter() - start
    time.sleep(SETTLING)
    return {"seconds": seconds}


def samples(data: str, mosaic: str, kept: str) -> Task:
    make = sample_maker(data, float(mosaic), float(kept))
    return lambda: {"made": make(range(SAMPLES))}


def sample_maker(data: str, mosaic: float, kept: float) -> Callable[[range], int]:
    """Return a function that makes the samples at some positions and returns their number."""
    import cv2
    import numpy as np

    import detect
    from detect.data.pipeline import PipelineSettings, training_cache
    from detect.data.samples.augmentation import Augmentation
    from detect.data.samples.sample_order import SampleOrder
    from detect.data.samples.sample_stream import SampleStream

    cv2.setNumThreads(0)
    settings = PipelineSettings(augmentation=Augmentation(mosaic=mosaic), cache_gigabytes=kept)
    records = detect.open_dataset(data).splits["train"]
    source = SampleStream(
        training_cache(records, settings, (OUTPUT,)), settings.augmentation, SampleOrder(len(records), seed=0)
    )

    def make(positions: range) -> int:
        canvas = np.empty((OUTPUT, OUTPUT, 3), np.uint8)
        for position in positions:
            source.sample(position, canvas)
        return len(positions)

    return make


def predict(model: str, side: str, file: str, count: str) -> Task:
    from detect.data.pixels.images import read_image

    image, detector = read_image(file), opened(model, int(side))
    images: Any = image if count == "1" else [image] * int(count)
    return lambda: found(detector.predict(images))


def opened(model: str, side: int):
    """Return the model of this name with random weights, or the export in this folder."""
    if Path(model).is_dir():
        import detect

        return detect.load(model)
    from measuring.our_models import model_of

    return model_of(model, side)


def found(results) -> dict[str, Any]:
    return {"boxes": sum(len(result) for result in results)}


def video(model: str, side: str, file: str, out: str) -> Task:
    from detect.inference.prediction_run import predict_to_folder

    detector = opened(model, int(side))

    def run() -> dict[str, Any]:
        shutil.rmtree(out, ignore_errors=True)
        return {"frames": predict_to_folder(detector, file, out).frames}

    return run


def train(name: str, side: str, batch: str) -> Task:
    from measuring.batches import made_up_batch
    from measuring.our_models import training

    return training(name, *made_up_batch(int(side), int(batch)))


def save(name: str, side: str, folder: str) -> Task:
    from measuring.our_models import CLASSES, model_of

    from detect import models
    from detect.models import saving

    card = model_of(name, int(side)).card
    return lambda: saving.save(models.create(name, CLASSES), card, folder)


def export(folder: str, side: str, out: str) -> Task:
    import detect

    return lambda: {"megabytes": detect.export(folder, image_size=int(side), out=out).size / 1e6}


def score(truth: str, results: str) -> Task:
    from detect.evaluation.results_file import evaluate_predictions

    def run() -> dict[str, Any]:
        scores = evaluate_predictions(results, truth)
        return {"stats": [scores.AP, scores.AP50, scores.AP75, scores.AR100]}

    return run


def open_records(small: str, data: str) -> Task:
    """Return the task. The small dataset is opened first, so that imports do not count."""
    import detect

    detect.open_dataset(small)

    def run() -> dict[str, Any]:
        start, before = time.perf_counter(), resident()
        records = detect.open_dataset(data).splits["train"]
        seconds = time.perf_counter() - start
        kept, peak = resident() - before, peak_memory() - before
        return {"seconds": seconds, "kept": kept / len(records), "peak": peak / len(records)}

    return run


def resident() -> int:
    """Return the memory that this process has now, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


TASKS: dict[str, Callable[..., Task]] = {
    "pipeline": pipeline,
    "samples": samples,
    "predict": predict,
    "video": video,
    "train": train,
    "save": save,
    "export": export,
    "score": score,
    "open": open_records,
}

if __name__ == "__main__":
    serve(prepare)
