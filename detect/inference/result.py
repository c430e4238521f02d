"""What a model found in one picture, in pixels of that picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import BadInput
from detect.inference.drawing import draw
from detect.inference.image_files import write_image
from detect.inference.sources.frames import Frame


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """The n objects found in one image or video frame, best score first.

    Attributes:
        boxes: float32 [n, 4], pixels of the upright source picture.
        scores: float32 [n], 0 to 1.
        labels: int32 [n], positions in `classes`.
        classes: the names of all classes that the model knows.
        frame: the picture and where it is from.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    frame: Frame

    @property
    def names(self) -> list[str]:
        """The class name of each object."""
        return [self.classes[label] for label in self.labels]

    @property
    def image_path(self) -> str:
        """The file or address that the picture is from; for frames of a video, the video."""
        return self.frame.source.shown

    @property
    def image(self) -> np.ndarray:
        """The upright picture, uint8 RGB [H, W, 3]; read again from its file where it is not kept in memory."""
        return self.frame.image

    @property
    def width(self) -> int:
        """Of the picture, pixels."""
        return self.frame.width

    @property
    def height(self) -> int:
        """Of the picture, pixels."""
        return self.frame.height

    @property
    def index(self) -> int:
        """Position of the frame in its video, from 0; 0 for an image."""
        return self.frame.index

    @property
    def timestamp(self) -> float | None:
        """Seconds since the video's first frame; None for an image."""
        return None if self.frame.timestamp is None else float(self.frame.timestamp)

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        found = ", ".join(f"{name} {score:.0%}" for name, score in zip(self.names[:5], self.scores, strict=False))
        more = f", and {len(self) - 5} more" if len(self) > 5 else ""
        where = self.image_path if self.timestamp is None else f"{self.image_path}, frame {self.index}"
        return f"<Result {where}, {self.width} x {self.height}: {found or 'nothing found'}{more}>"

    def plot(self) -> np.ndarray:
        """A copy of the picture with boxes, names and scores drawn on it, uint8 RGB [H, W, 3]."""
        return draw(self.image, self.boxes, self.labels, self.classes, self.scores)

    def save(self, path: str | Path) -> None:
        """Write the picture with its boxes to `path`, in the format of its suffix (.jpg, .png, ...)."""
        write_image(path, self.plot())

    def crops(self) -> list[np.ndarray]:
        """The part of the picture in each box, uint8 RGB [h, w, 3], at least one pixel in height and width."""
        image = self.image
        limit = np.array([self.width - 1, self.height - 1])
        starts = np.clip(np.floor(self.boxes[:, :2]).astype(int), 0, limit)
        ends = np.maximum(np.ceil(self.boxes[:, 2:]).astype(int), starts + 1)
        return [image[y1:y2, x1:x2].copy() for (x1, y1), (x2, y2) in zip(starts, ends, strict=True)]

    def to_coco(self, image_id: int = 1, category_ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Entries of a COCO results file.

        Args:
            category_ids: the id of each class in that file; by default its position + 1, as COCO counts.
        """
        ids = range(1, len(self.classes) + 1) if category_ids is None else category_ids
        corners = self.boxes.astype(np.float64)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        return [
            {"image_id": image_id, "category_id": int(ids[label]), "bbox": box, "score": score}
            for label, box, score in zip(self.labels, boxes.tolist(), self.scores.tolist(), strict=True)
        ]

    def to_dataframe(self):
        """A pandas table with a row an object; needs pandas."""
        pandas = _optional("pandas", "to_dataframe")
        table = {
            "path": self.image_path,
            "frame": self.index,
            "timestamp": self.timestamp,
            "label": self.labels,
            "name": self.names,
            "score": self.scores,
        }
        corners = {name: self.boxes[:, column] for column, name in enumerate(("x1", "y1", "x2", "y2"))}
        return pandas.DataFrame({**table, **corners})

    def to_supervision(self):
        """The same as `supervision.Detections`, with the names in `data["class_name"]`; needs supervision."""
        supervision = _optional("supervision", "to_supervision")
        return supervision.Detections(
            xyxy=self.boxes.reshape(-1, 4),
            confidence=self.scores,
            class_id=self.labels.astype(int),
            data={"class_name": np.array(self.names, dtype=str)},
        )


def _optional(package: str, method: str):
    import importlib

    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise BadInput(f"Result.{method} needs {package}, which is not installed. Run: pip install {package}") from None
