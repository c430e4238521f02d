"""Tasks of `workers.py`: Ultralytics as its users call it. Names and arguments are those of `our_api.py` and
`our_ops.py`. Models have random weights; `yolo11n:openvino` is one that is exported first.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_VERBOSE", "false")

import numpy as np
import torch
from measuring.serving import SETTLING, Task, serve
from ultralytics import YOLO, settings


def prepare(task: str) -> Task:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    name, *arguments = task.split()
    return TASKS[name](*arguments)


def pipeline(data: str, side: str, batch: str, images: str, mosaic: str, workers: str) -> Task:
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_dataloader, build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    configuration = get_cfg(overrides={"imgsz": int(side), "mosaic": float(mosaic), "task": "detect"})
    described = check_det_dataset(data)
    dataset = build_yolo_dataset(configuration, described["train"], int(batch), described, mode="train")
    loader = build_dataloader(dataset, int(batch), int(workers), shuffle=True, rank=-1)

    def endless():
        while True:
            yield from loader

    batches = endless()

    def run() -> dict[str, Any]:
        for _ in range(4):  # made in advance
            next(batches)
        start = time.perf_counter()
        count = 0
        while count < int(images):
            count += len(next(batches)["img"])
        seconds = (time.perf_counter() - start) * int(images) / count
        time.sleep(SETTLING)
        return {"seconds": seconds}

    return run


def predict(model: str, side: str, file: str, count: str) -> Task:
    import cv2

    detector, image = opened(model, int(side), int(count)), cv2.imread(file)
    images = image if count == "1" else [image] * int(count)

    def run() -> dict[str, Any]:
        return {"boxes": sum(len(result) for result in detector.predict(images, imgsz=int(side), verbose=False))}

    return run


def opened(model: str, side: int, batch: int = 1) -> YOLO:
    """Return a model in PyTorch, or its export for batches of images of this side."""
    name, _, format = model.partition(":")
    if not format:
        return YOLO(f"{name}.yaml")
    before = Path.cwd()
    os.chdir(tempfile.mkdtemp())  # the export is written there
    try:
        path = YOLO(f"{name}.yaml").export(format=format, imgsz=side, batch=batch, dynamic=batch > 1)
        return YOLO(Path(path).resolve(), task="detect")
    finally:
        os.chdir(before)


def video(model: str, side: str, file: str, out: str) -> Task:
    detector = opened(model, int(side))
    options = {"imgsz": int(side), "stream": True, "save": True, "project": out, "name": "video", "exist_ok": True}
    return lambda: {"frames": sum(1 for _ in detector.predict(file, verbose=False, **options))}


def train(name: str, side: str, batch: str) -> Task:
    """Return a step as its trainer makes it: forward, loss, gradients, clipping, update, average."""
    from measuring.batches import made_up_batch
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel
    from ultralytics.utils.torch_utils import ModelEMA

    model = DetectionModel(f"{name}.yaml", nc=80, verbose=False).train()
    model.args = get_cfg()
    average, optimizer = ModelEMA(model), torch.optim.SGD(model.parameters(), 1e-5, 0.9, nesterov=True)
    images, boxes, labels = made_up_batch(int(side), int(batch))
    middles, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    targets = {
        "img": torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        "cls": torch.from_numpy(labels.reshape(-1, 1)).float(),
        "bboxes": torch.from_numpy(np.concatenate([middles, sides], axis=-1).reshape(-1, 4) / int(side)).float(),
        "batch_idx": torch.arange(len(boxes)).repeat_interleave(boxes.shape[1]).float(),
    }

    def run() -> None:
        loss, _ = model({**targets, "img": targets["img"].float() / 255})
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=10.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update(model)

    return run


def nms(images: str, count: str) -> Task:
    from measuring.operands import CANDIDATES, CONFIDENCE, KEPT, OVERLAP, boxes_and_scores
    from ultralytics.utils.nms import non_max_suppression

    boxes, scores = boxes_and_scores(int(images), int(count))
    middles, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    predicted = torch.from_numpy(np.concatenate([middles, sides, scores], axis=-1)).transpose(1, 2).contiguous()
    options = {"conf_thres": CONFIDENCE, "iou_thres": OVERLAP, "max_det": KEPT, "max_nms": CANDIDATES}
    return lambda: non_max_suppression(predicted.clone(), max_time_img=100, **options)


TASKS: dict[str, Callable[..., Task]] = {
    "pipeline": pipeline,
    "predict": predict,
    "video": video,
    "train": train,
    "nms": nms,
}

if __name__ == "__main__":
    settings.update({"sync": False, "tensorboard": False})
    serve(prepare)
