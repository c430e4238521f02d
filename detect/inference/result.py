"""The detections in one image, in pixels of that image."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, overload

import cv2
import numpy as np

from detect.data.pixels.tiles import Window
from detect.errors import BadInput, counted
from detect.inference.class_choice import labels_of
from detect.inference.drawing import draw
from detect.inference.image_files import encode, write_image
from detect.inference.options import DrawingOptions, grouped
from detect.inference.sources.frames import Frame

NOTEBOOK_SIDE = 1024  # longest side of what a notebook shows, and keeps in its file, pixels


class DetectedObject(NamedTuple):
    """One of the objects of a `Result`."""

    name: str
    score: float
    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the upright source image
    label: int
    id: int | None = None  # identity in the video; None where the video was not tracked

    @property
    def caption(self) -> str:
        """Name, identity and score, as they are drawn."""
        return f"{self.name}{'' if self.id is None else f' #{self.id}'} {self.score:.0%}"

    def __str__(self) -> str:
        return f"{self.caption} at {', '.join(f'{side:.0f}' for side in self.box)}"


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """The n objects that were detected in an image or a video frame, best score first.

    It is a sequence of them: `for found in result`, `result[0]`; a slice, a mask or positions give a `Result` of some,
    as in `result[:3]` and `result[result.scores > 0.5]`. A notebook shows it as the image with its boxes.

    Attributes:
        boxes: float32 [n, 4], x1, y1, x2, y2 in pixels of the upright source image.
        scores: float32 [n], 0 to 1.
        labels: int32 [n], positions in `classes`.
        classes: names of all classes of the model.
        frame: the image and where it is from.
        ids: int64 [n], identities of the objects in the video, from 1; None where the video was not tracked.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    frame: Frame
    ids: np.ndarray | None = None

    @property
    def names(self) -> list[str]:
        """Class name of each object."""
        return [self.classes[label] for label in self.labels]

    @property
    def image_path(self) -> str:
        """File or URL of the image; of the video for its frames."""
        return self.frame.source.shown

    @property
    def image(self) -> np.ndarray:
        """Upright image, uint8 RGB [H, W, 3]; read from its file again if it is not in memory."""
        return self.frame.image

    @property
    def width(self) -> int:
        """Width of the image, pixels."""
        return self.frame.width

    @property
    def height(self) -> int:
        """Height of the image, pixels."""
        return self.frame.height

    @property
    def index(self) -> int:
        """Position of the frame in its video, from 0; 0 for an image."""
        return self.frame.index

    @property
    def timestamp(self) -> float | None:
        """Seconds since the first frame of the video; None for an image."""
        return None if self.frame.timestamp is None else float(self.frame.timestamp)

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        found = ", ".join(thing.caption for thing in self[:5])
        more = f", and {len(self) - 5} more" if len(self) > 5 else ""
        where = self.image_path if self.timestamp is None else f"{self.image_path}, frame {self.index}"
        return f"<Result {where}, {self.width} x {self.height}: {found or 'nothing found'}{more}>"

    def __str__(self) -> str:
        return "\n".join([repr(self), *(f"  {found}" for found in self)])

    def __iter__(self) -> Iterator[DetectedObject]:
        ids = [None] * len(self) if self.ids is None else self.ids.tolist()
        columns = self.names, self.scores.tolist(), self.boxes.tolist(), self.labels.tolist(), ids
        for name, score, box, label, identity in zip(*columns, strict=True):
            yield DetectedObject(name, score, tuple(box), label, identity)

    @overload
    def __getitem__(self, which: int) -> DetectedObject: ...

    @overload
    def __getitem__(self, which: slice | np.ndarray | Sequence[int]) -> "Result": ...

    def __getitem__(self, which):
        if isinstance(which, (int, np.integer)):
            return list(self)[which]
        which = which if isinstance(which, slice) else np.asarray(which, None if len(which) else int)
        ids = None if self.ids is None else self.ids[which]
        return replace(self, boxes=self.boxes[which], scores=self.scores[which], labels=self.labels[which], ids=ids)

    def filter(self, classes: str | int | Iterable[str | int] | None = None, confidence: float = 0.0) -> "Result":
        """Return the objects of some classes, or with scores above a confidence, or both.

        Args:
            classes: names or labels of the classes, as for `predict`; None: all.
            confidence: 0 to 1.

        Raises:
            BadInput: the model has no class of that name or label.
        """
        chosen = range(len(self.classes)) if classes is None else labels_of(classes, self.classes)
        return self[np.isin(self.labels, chosen) & (self.scores > confidence)]

    @property
    def verbose(self) -> str:
        """The numbers of objects in words, most frequent first: "2 persons, 1 dog"."""
        counts = Counter(self.names).most_common()
        return ", ".join(counted(count, name, _plural(name)) for name, count in counts) or "nothing found"

    def _repr_jpeg_(self) -> bytes | None:
        """Return what IPython shows: the image with its boxes."""
        shown = self.plot()
        shrink = NOTEBOOK_SIDE / max(shown.shape[:2])
        if shrink < 1:
            shown = cv2.resize(shown, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        return encode(shown, ".jpg")

    def plot(self, **options: Any) -> np.ndarray:
        """Return a copy of the image with boxes, names, identities and scores drawn on it, uint8 RGB [H, W, 3].

        An image that is read by parts, because it is too large for memory, is halved as often as `frame.halvings` says.

        Args:
            options: those of `DrawingOptions`, such as `hide_scores=True`.

        Raises:
            BadInput: an option cannot be used.
        """
        (drawing,) = grouped(options, DrawingOptions)
        image, boxes = self.frame.smaller_image, self.boxes * np.float32(0.5**self.frame.halvings)
        return draw(image, boxes, self.labels, self.classes, self.scores, options=drawing, ids=self.ids)

    def save(self, path: str | Path, **options: Any) -> None:
        """Write the image with its boxes drawn on it to `path`, in the format of the suffix (.jpg, .png, ...).

        Args:
            path: the file.
            options: as for `plot`.

        Raises:
            BadInput: images cannot be written in this format, or an option cannot be used.
            RunFailure: the file cannot be written.
        """
        write_image(path, self.plot(**options))

    def crops(self) -> list[np.ndarray]:
        """Return the part of the image in each box, uint8 RGB [h, w, 3], at least one pixel high and wide."""
        limit = np.array([self.width - 1, self.height - 1])
        starts = np.clip(np.floor(self.boxes[:, :2]).astype(int), 0, limit)
        ends = np.maximum(np.ceil(self.boxes[:, 2:]).astype(int), starts + 1)
        windows = [Window(*box) for box in np.concatenate([starts, ends], axis=1).tolist()]
        if self.frame.parts:
            return [self.frame.part(window) for window in windows]
        image = self.image
        return [window.of(image).copy() for window in windows]

    def to_coco(
        self, image_id: int | str = 1, category_ids: Sequence[int | str | None] | None = None
    ) -> list[dict[str, Any]]:
        """Return the entries for a COCO results file.

        Args:
            image_id: id of the image in that file.
            category_ids: id of each class in that file, by default its position + 1; None leaves its objects out.
        """
        ids: Sequence[int | str | None] = range(1, len(self.classes) + 1) if category_ids is None else category_ids
        corners = self.boxes.astype(np.float64)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        rows = zip((ids[label] for label in self.labels), boxes.tolist(), self.scores.tolist(), strict=True)
        return [
            {"image_id": image_id, "category_id": category, "bbox": box, "score": score}
            for category, box, score in rows
            if category is not None
        ]

    def to_dataframe(self):
        """Return a pandas `DataFrame` with one row per object, and a column `id` where the video was tracked.

        Raises:
            BadInput: pandas is not installed.
        """
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
        return pandas.DataFrame({**table, **corners, **({} if self.ids is None else {"id": self.ids})})

    def to_supervision(self):
        """Return `supervision.Detections`, with the names in `data["class_name"]` and identities as `tracker_id`.

        Raises:
            BadInput: supervision is not installed.
        """
        supervision = _optional("supervision", "to_supervision")
        return supervision.Detections(
            xyxy=self.boxes.reshape(-1, 4),
            confidence=self.scores,
            class_id=self.labels.astype(int),
            tracker_id=self.ids,
            data={"class_name": np.array(self.names, dtype=str)},
        )


def _plural(name: str) -> str:
    """Return the name of a class for several of it, by the rule of English; most names in `s` are plurals already."""
    if name.endswith(("ss", "us", "x", "z", "ch", "sh")):
        return f"{name}es"
    return name if name.endswith("s") else f"{name}s"


def _optional(package: str, method: str):
    import importlib

    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise BadInput(f"Result.{method} needs {package}, which is not installed. Run: pip install {package}") from None
