"""Pictures of a run for people to look at: training samples, and detections on validation images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from detect.data.pipeline import evaluation_batches
from detect.data.pixels.resizing import letterbox
from detect.data.records import Records
from detect.inference.drawing import Picture, draw_grid
from detect.inference.image_files import write_image
from detect.structures import Batch, Detections

PICTURES = 8  # in a grid
CONFIDENCE = 0.25  # of the boxes that are drawn


def save_batch(path: Path, batch: Batch, records: Records, classes: tuple[str, ...]) -> None:
    """Write a picture of the first images of a training batch with their boxes, as the model gets them.

    Args:
        path: of the picture.
        batch: with images uint8.
        records: that the indices of the batch refer to.
        classes: names, by label.
    """
    images, indices = batch.images.numpy(), batch.indices.numpy()
    boxes, labels, ignore = (tensor.numpy() for tensor in batch.targets.truth)
    pictures = [
        Picture(images[row], boxes[row], labels[row], ignore=ignore[row], title=records.image_path(int(index)).name)
        for row, index in enumerate(indices[:PICTURES])
    ]
    write_image(path, draw_grid(pictures, classes))


def save_predictions(
    path: Path,
    detect: Callable[..., Detections],
    records: Records,
    classes: tuple[str, ...],
    image_size: int,
) -> None:
    """Write a picture of images from all over a split with the detections of the model.

    Args:
        path: of the picture.
        detect: returns the detections on images [B, S, S, 3] with extents [B, 2].
        records: the split.
        classes: names, by label.
        image_size: the side S, pixels.
    """
    chosen = records.select(np.linspace(0, len(records) - 1, min(PICTURES, len(records))).astype(int))
    placing = letterbox(image_size)
    batch = next(iter(evaluation_batches(chosen, placing, len(chosen))))
    extents = np.array([placing(height, width).extent for width, height in chosen.sizes.tolist()], np.float32)
    boxes, scores, labels = map(np.asarray, detect(batch.images, extents))
    labels = np.where(scores >= CONFIDENCE, labels, -1)
    titles = [record.image_path.name for record in chosen]
    pictures = [
        Picture(image, boxes[row], labels[row], scores[row], title=titles[row])
        for row, image in enumerate(batch.images.numpy())
    ]
    write_image(path, draw_grid(pictures, classes))
