"""Pictures of a run for people to look at: training samples, and detections on validation images."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from detect.data.pixels.resizing import letterbox, place
from detect.data.records import Record, Records
from detect.data.samples.checked_images import read_checked
from detect.evaluation.detections import Found, joined
from detect.evaluation.evaluation_run import find
from detect.inference.drawing import Picture, draw_grid
from detect.inference.image_files import write_image
from detect.inference.predictor import Model
from detect.structures import Batch

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


def save_predictions(path: Path, model: Model, records: Records) -> None:
    """Write a picture of images from all over a split with the detections of a model, as scoring finds them.

    Args:
        path: of the picture.
        model: what detects.
        records: the split, whose images can be read.
    """
    chosen = records.select(np.linspace(0, len(records) - 1, min(PICTURES, len(records))).astype(int))
    chosen = replace(chosen, image_ids=np.arange(len(chosen)))
    found = joined(find(model.detect_to_score, chosen, model.views(), range(len(model.classes)), len(chosen)))
    found = found.select(found.scores >= CONFIDENCE)
    pictures = [_picture(record, found.select(found.image_ids == record.image_id), model) for record in chosen]
    write_image(path, draw_grid(pictures, model.classes))


def _picture(record: Record, found: Found, model: Model) -> Picture:
    """Return the picture of a record with what is found in it, of the size that the model takes."""
    placement = letterbox(model.image_size)(record.height, record.width)
    image = place(read_checked(record), placement)
    corners = np.concatenate([found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]], axis=1)
    boxes = corners.astype(np.float32) * placement.scales
    return Picture(image, boxes, found.category_ids, found.scores, title=record.image_path.name)
