"""The comparisons: one per figure, with the sides that take turns.

A ratio is above 1 where this project is better. Targets are for 2 CPU cores.
"""

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.environments import python_of
from measuring.inputs import FRAMES, Inputs
from measuring.workers import Answer, Worker

OURS = "detect"
TORCHVISION, ULTRALYTICS, KERASHUB, OPENCV = "torchvision", "Ultralytics", "KerasHub", "OpenCV"
TRANSFORMERS = "transformers"
YOLOS = {"YOLO11n": "yolo11n", "YOLO26n": "yolo26n"}  # models of Ultralytics, by the name of their side


@dataclass(frozen=True)
class Side:
    """One project in a comparison: a task of a worker's script, or a command."""

    project: str
    script: str = ""
    task: str = ""
    environment: str | None = None  # a name in `environments.PEERS`; None is the one that runs this
    command: Sequence[str | Path] = ()

    def start(self, stack: contextlib.ExitStack, cores: int | None) -> Callable[[], Answer]:
        """Return a function that runs the task once. A worker's process ends with the stack."""
        python = self.python()
        if self.command:
            program, *words = map(str, self.command)
            return lambda: timed([str(python.parent / program), *words])
        worker = stack.enter_context(Worker(python, self.script, cores))
        return lambda: worker.do(self.task)

    def python(self) -> Path:
        """Return the interpreter that runs it; `NotInstalledError` where its environment cannot be installed."""
        return Path(sys.executable) if self.environment is None else python_of(self.environment)


@dataclass(frozen=True)
class Comparison:
    """One figure to measure."""

    name: str
    text: str
    sides: Callable[[Inputs], list[Side]]  # ours first
    unit: str = "ms"  # ms, s, MB, or a rate: images/s, frames/s
    count: int = 1  # images per call, for a rate
    figure: str = "seconds"  # the entry of the answer that counts
    target: float | None = None  # least ratio to the best other project
    target_of: str | None = None  # or to this project
    limit: float | None = None  # largest value that this project may have, in the unit
    cores: int | None = None  # all by default
    model: str = ""  # ours, where others have other ones, so that their sizes are stated
    side: int = 0  # of the images that these sizes are for, pixels
    rounds: int = 5
    seconds: float = 10  # least time spent on it


def timed(command: list[str]) -> Answer:
    """Run a command as a process in an empty folder; return its seconds and its peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()[-2000:]}")
    return {"seconds": seconds, "memory": usage.ru_maxrss * 1024}  # kibibytes on Linux


def ours(task: str, script: str = "our_api.py") -> Side:
    return Side(OURS, script, task)


def ultralytics(task: str) -> Side:
    return Side(ULTRALYTICS, "ultralytics_api.py", task, "torch")


def yolos(what: str, task: str, export: bool = False) -> list[Side]:
    """Return a side for each model of Ultralytics, which its own OpenVINO export runs, or PyTorch."""
    ending = ":openvino" if export else ""
    return [
        Side(name, "ultralytics_api.py", f"{what} {model}{ending} {task}", "torch") for name, model in YOLOS.items()
    ]


def other_transformers(task: str) -> list[Side]:
    """Return the sides of transformer detectors, each as its own package runs it."""
    return [
        Side("D-FINE-N", "dfine_api.py", task, "transformers"),
        Side("RF-DETR-N", "rfdetr_api.py", task, "rfdetr"),
    ]


def torch_op(task: str) -> Side:
    return Side(TORCHVISION, "torchvision_ops.py", task, "torch")


def pipeline(inputs: Inputs, mosaic: int, cores: int, kept: float) -> list[Side]:
    numbers = f"640 16 320 {mosaic}"
    return [
        ours(f"pipeline {inputs.bccd} {numbers} {kept}"),
        ultralytics(f"pipeline {inputs.yolo} {numbers} {cores if cores > 1 else 0}"),  # 0: in the process itself
    ]


def twin(name: str, side: int, what: str) -> list[Side]:
    return [
        Side(OURS, "our_models.py", f"{name} {what} {side}"),
        Side(TORCHVISION, "torchvision_models.py", f"{name} {side} {what}", "torch"),
    ]


def transformer(_: Inputs, name: str, side: int, what: str) -> list[Side]:
    """Return our model and that of transformers: the same network, with a task of both scripts."""
    more = " 8" if what == "train" else ""
    sides = [
        ours(f"train {name} {side}{more}") if what == "train" else ours(f"{name} {what} {side}", "our_models.py"),
        Side(TRANSFORMERS, "transformers_models.py", f"{name} {side} {what}{more}", "transformers"),
    ]
    if (name, what) == ("dfine-n", "one"):
        sides.append(Side(KERASHUB, "kerashub_models.py", f"dfine {side} 1", "kerashub"))
    return sides


def exported_transformer(inputs: Inputs, name: str, side: int, count: int, precision: str) -> list[Side]:
    """Return OpenVINO with our export and with what it makes of the model of transformers."""
    file, task = inputs.exported(side, name) / f"{side}x{side}.xml", f"{side} {count} {precision}"
    return [
        ours(f"{file} {task}", "openvino_models.py"),
        Side(TRANSFORMERS, "openvino_models.py", f"{inputs.exported_twin(side, name)} {task}"),
    ]


def yolo_commands(*words: str | Path) -> list[Side]:
    """Return a side for each model of Ultralytics that its command runs."""
    return [
        Side(name, environment="torch", command=["yolo", *words, f"model={model}.yaml"])
        for name, model in YOLOS.items()
    ]


def training_commands(inputs: Inputs, epochs: int, side: int = 320) -> list[Side]:
    """Return commands that train from random weights, validation included."""
    data: list[str | Path] = ["--data", inputs.bccd, "--model", "yolox-micro", "--weights", "none"]
    sizes = ["--image-size", str(side), "--batch-size", "16", "--epochs", str(epochs)]
    theirs = [f"data={inputs.yolo}", "pretrained=False", f"epochs={epochs}", f"imgsz={side}", "batch=16", "workers=2"]
    return [
        Side(OURS, command=["detect", "train", *data, *sizes]),
        *yolo_commands("detect", "train", *theirs, "device=cpu", "amp=False", "plots=False"),
    ]


def training_step(side: int, batch: int) -> list[Side]:
    return [ours(f"train yolox-micro {side} {batch}"), *yolos("train", f"{side} {batch}")]


def scoring(inputs: Inputs) -> list[Side]:
    """pycocotools and hotcoco are in our environment: this project uses them."""
    truth, results = inputs.coco
    libraries = {"pycocotools": None, "faster-coco-eval": "torch", "hotcoco": None}
    peers = [Side(name, "scoring_peers.py", f"{name} {truth} {results}", place) for name, place in libraries.items()]
    return [ours(f"score {truth} {results}"), *peers]


def predictions(inputs: Inputs, side: int, count: int) -> list[Side]:
    """Return all in the framework that they are trained with."""
    task = f"{side} {inputs.photo} {count}"
    return [ours(f"predict yolox-micro {task}"), *yolos("predict", task), *other_transformers(f"predict {task}")]


def exported_predictions(inputs: Inputs, side: int, count: int) -> list[Side]:
    """Return the exports to OpenVINO of those that have one."""
    task = f"{side} {inputs.photo} {count}"
    return [ours(f"predict {inputs.exported(side)} {task}"), *yolos("predict", task, export=True)]


def video(inputs: Inputs) -> list[Side]:
    task = f"640 {inputs.video} {inputs.folder / 'video'}"
    return [ours(f"video yolox-micro {task}"), *yolos("video", task)]


def exported_video(inputs: Inputs) -> list[Side]:
    task = f"640 {inputs.video} {inputs.folder / 'video'}"
    return [ours(f"video {inputs.exported(640)} {task}"), *yolos("video", task, export=True)]


def first_prediction(inputs: Inputs) -> list[Side]:
    return [
        Side(OURS, command=["detect", "predict", inputs.saved(), inputs.photo]),
        *yolo_commands("predict", f"source={inputs.photo}"),
    ]


def first_exported_prediction(inputs: Inputs) -> list[Side]:
    return [Side(OURS, command=["detect", "predict", inputs.exported(640), inputs.photo])]


def opening(inputs: Inputs, count: int) -> list[Side]:
    return [ours(f"open {inputs.growing(100)} {inputs.growing(count)}")]


def suppression(images: int, boxes: int) -> list[Side]:
    task = f"nms {images} {boxes}"
    return [
        ours(task, "our_ops.py"),
        torch_op(task),
        ultralytics(task),
        Side(OPENCV, "opencv_ops.py", task),
    ]


def retinanet(what: str) -> list[Side]:
    """At 512 pixels, batches of 4 in training."""
    kerashub = "predict 512" if what == "one" else "train 512 4"
    return [*twin("retinanet-r50", 512, what), Side(KERASHUB, "kerashub_models.py", kerashub, "kerashub")]


PIPELINES = [
    Comparison(
        f"pipeline, {words}, {cores} core{'s' if cores > 1 else ''}",
        f"image files to padded batches at 640 px, {text}",
        functools.partial(pipeline, mosaic=mosaic, cores=cores, kept=kept),
        unit="images/s", count=320, target=2.0, cores=cores,
    )
    for cores in (1, 2)
    for words, text, mosaic, kept in (
        ("plain", "images decoded each time", 0, 0),
        ("mosaic", "128 decoded images kept in memory, as Ultralytics does", 1, 0.1183),
        ("mosaic, defaults", "decoded images kept in memory as by default in each project", 1, 1),
    )
]  # fmt: skip

OPS = [
    Comparison("IoU", "76,725 anchors x 100 boxes x 8 images", lambda _: [ours("iou", "our_ops.py"), torch_op("iou")],
               target=1.0),
    Comparison("matching", "76,725 anchors x 100 boxes x 8 images, by IoU",
               lambda _: [ours("matching", "our_ops.py"), torch_op("matching")], target=1.0),
    Comparison("SimOTA", "8,400 points x 100 boxes x 8 images",
               lambda _: [ours("sim_ota", "our_ops.py"), Side("YOLOX", "megvii_ops.py", "sim_ota", "torch")],
               target=1.0),
    Comparison("focal loss", "8 x 76,725 x 80, forward and backward",
               lambda _: [ours("focal", "our_ops.py"), torch_op("focal")], target=1.0),
    Comparison("NMS, 8 images", "8,400 boxes, 80 classes, from the best 1,000 to 100", lambda _: suppression(8, 8_400),
               target=1.0),
    Comparison("NMS, 1 image", "25,200 boxes, 80 classes, from the best 1,000 to 100", lambda _: suppression(1, 25_200),
               target=1.0),
    Comparison("RoIAlign", "8 images of 512 px, four levels, 1,000 boxes each",
               lambda _: [ours("roi", "our_ops.py"), torch_op("roi")], target=1.0),
]  # fmt: skip

TRAINING = [
    Comparison("training step, small", "320 px, batch 16", lambda _: training_step(320, 16),
               unit="images/s", count=16, target=1.2, model="yolox-micro", side=320),
    Comparison("training step, RetinaNet-R50", "512 px, batch 4", lambda _: retinanet("train"),
               unit="images/s", count=4, target=1.2, rounds=3),
    Comparison("whole training", "BCCD, 205 images, 320 px, 6 epochs, from the command to the scored model",
               lambda inputs: training_commands(inputs, 6), unit="images/s", count=6 * 205, target=1.5,
               rounds=1, seconds=0, model="yolox-micro", side=320),
]  # fmt: skip

EXPORTED = (
    "all exported to OpenVINO: ours computes in float32, the others in bfloat16 where the processor has it, "
    "as OpenVINO does by default"
)
PREDICTION = [
    *(
        Comparison(f"latency, {side} px{words}", f"one image through the API{text}",
                   functools.partial(sides, side=side, count=1), target=target, model="yolox-micro", side=side)
        for words, text, sides, target in (
            ("", "", predictions, 1.0), (", exported", f"; {EXPORTED}", exported_predictions, 1.0)
        )
        for side in (320, 640)
    ),
    Comparison("batch, 320 px", "32 images through the API",
               functools.partial(predictions, side=320, count=32), unit="images/s", count=32, target=1.0,
               model="yolox-micro", side=320),
    Comparison("batch, 320 px, exported", f"32 images through the API; {EXPORTED}",
               functools.partial(exported_predictions, side=320, count=32), unit="images/s", count=32, target=1.0,
               model="yolox-micro", side=320),
    Comparison("latency, RetinaNet-R50", "one image of 512 px to boxes", lambda _: retinanet("one"), target=1.0),
    Comparison("latency, SSDLite", "one image of 320 px to boxes", lambda _: twin("ssdlite-mobilenetv3", 320, "one"),
               target=1.0),
    Comparison("video", "768 x 432, H.264, annotated at 640 px", video,
               unit="frames/s", count=FRAMES, target=1.0, rounds=3, model="yolox-micro", side=640),
    Comparison("video, exported", f"the same; {EXPORTED}", exported_video,
               unit="frames/s", count=FRAMES, target=1.0, rounds=3, model="yolox-micro", side=640),
]  # fmt: skip

# Processor time of one core, because PyTorch's threads wait for each other where the machine does something else.
ONE_CORE: dict[str, Any] = {"cores": 1, "figure": "processor", "target": 1.0, "rounds": 3, "seconds": 4}
OF_ONE_CORE = "processor time of one core"
QUERIES = {"dfine-n": 640, "dfine-s": 640, "rtdetrv2-r18": 640, "rfdetr-nano": 384}  # with the sides of their images
COUNTS = (("latency", "one image", "one", 1), ("batch", "8 images", "many", 8))
QUERY_DETECTORS = [
    *(
        Comparison(f"training step, {name}", f"320 px, batch 8, each with its own loss, AdamW; {OF_ONE_CORE}",
                   functools.partial(transformer, name=name, side=320, what="train"), unit="images/s", count=8,
                   **ONE_CORE)
        for name in ("dfine-n", "rtdetrv2-r18")
    ),
    *(
        Comparison(f"{words}, {name}", f"{text} of {side} px to boxes; {OF_ONE_CORE}",
                   functools.partial(transformer, name=name, side=side, what=what), **ONE_CORE)
        for name, side in QUERIES.items()
        for words, text, what, _ in COUNTS
    ),
    *(
        Comparison(f"{words}, {name}, exported, {precision}",
                   f"{text} of {side} px to boxes, both exported to OpenVINO, in {precision}; {OF_ONE_CORE}",
                   functools.partial(exported_transformer, name=name, side=side, count=count, precision=hint),
                   **ONE_CORE)
        for name, side in QUERIES.items()
        for words, text, _, count in COUNTS
        for precision, hint in (("float32", "f32"), ("bfloat16", "bf16"))
    ),
]  # fmt: skip

EVALUATION = [
    Comparison("evaluation", "all scores from files with 5,000 images, 36,000 boxes and 500,000 detections", scoring,
               unit="s", target=10.0, target_of="pycocotools", rounds=2),
]  # fmt: skip

STARTING = [
    Comparison("help", "`detect --help`",
               lambda _: [Side(OURS, command=["detect", "--help"]),
                          Side(ULTRALYTICS, environment="torch", command=["yolo", "help"])],
               unit="s", target=1.0, limit=0.3),
    Comparison("first prediction", "a command that detects objects in one image, as a whole process", first_prediction,
               unit="s", limit=8.0, rounds=3, model="yolox-micro", side=640),
    Comparison("first prediction, exported", "the same with our export to OpenVINO", first_exported_prediction,
               unit="s", limit=8.0, rounds=3),
]  # fmt: skip

SIZES = {"1 k": 1_000, "10 k": 10_000, "100 k": 100_000, "1 M": 1_000_000}  # images with one box each
GROWTH = [
    Comparison(f"{words} {size} images", f"a COCO file of {size} images; {text}",
               functools.partial(opening, count=count),
               unit=unit, figure=figure, limit=limit if size == "1 M" else None, rounds=1, seconds=0)
    for words, text, unit, figure, limit in (
        ("opening", "the header of each image is read", "s", "seconds", 60),
        ("memory after opening", "bytes per image", "bytes", "kept", 200),
        ("peak memory of opening", "bytes per image", "bytes", "peak", 200),
    )
    for size, count in SIZES.items()
]  # fmt: skip

COMPARISONS = [*PIPELINES, *OPS, *TRAINING, *PREDICTION, *QUERY_DETECTORS, *EVALUATION, *STARTING, *GROWTH]
