"""The input of all sides of a comparison: the same numbers in every process."""

import numpy as np

CLASSES = 80
PREDICTED = 8  # images in a large batch
TRAINED = 4  # images per training step
OBJECTS = 8  # per image

TWINS = {  # name of our model -> torchvision's function that creates the same network
    "retinanet-r50": "retinanet_resnet50_fpn",
    "retinanet-r50v2": "retinanet_resnet50_fpn_v2",
    "fcos-r50": "fcos_resnet50_fpn",
    "ssd-vgg16": "ssd300_vgg16",
    "ssdlite-mobilenetv3": "ssdlite320_mobilenet_v3_large",
    "fasterrcnn-r50": "fasterrcnn_resnet50_fpn",
    "fasterrcnn-r50v2": "fasterrcnn_resnet50_fpn_v2",
    "fasterrcnn-mobilenetv3": "fasterrcnn_mobilenet_v3_large_320_fpn",
}

TRANSFORMERS = ("dfine", "rtdetrv2", "rfdetr")  # families whose networks are in transformers too


def made_up_batch(side: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return noise uint8 [count, side, side, 3], boxes float32 [count, N, 4] and labels int32 [count, N]."""
    random = np.random.default_rng(0)
    corners = random.uniform(0, 0.7 * side, (count, OBJECTS, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0.05, 0.3, (count, OBJECTS, 2)) * side], axis=-1)
    images = random.integers(0, 256, (count, side, side, 3), np.uint8)
    return images, boxes.astype(np.float32), random.integers(0, CLASSES, (count, OBJECTS)).astype(np.int32)
