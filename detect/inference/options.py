"""The options of prediction, in groups: what is detected, which frames are read, what is drawn and what is written.

An option is one field here. Its text is the help of `detect predict` and of the commands that share its group, and the
functions of Python take it by the same name: `model.predict(source, classes="person")`. They group what they are given
once, see `grouped`, and pass on the groups.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from detect.errors import BadInput, did_you_mean
from detect.inference.limits import check_limits, require_whole, seconds_of

if TYPE_CHECKING:  # `detect --help` is to appear at once
    from detect.data.pixels.tiles import Tiling

MOST_OBJECTS = 100_000  # per image
MOST_FRAMES = 1_000_000
WIDEST_LINE = 1000  # pixels


def option(text: str, default: Any = None, shown: str = "") -> Any:
    """Return a field of a group.

    Args:
        text: what the option does.
        default: its value where none is given.
        shown: what a default of None stands for.
    """
    return field(default=default, metadata={"text": text, "shown": shown})


@dataclass(frozen=True)
class DetectionOptions:
    """Options of detection: classes, thresholds and batches."""

    title: ClassVar[str] = "Detection"
    confidence: float | None = option(
        "Score threshold of detections, 0 to 1.", shown="0.25, or that of the model for each class"
    )
    iou: float | None = option(
        "Overlap (IoU), 0 to 1, above which two boxes of a class are one object.", shown="the model's"
    )
    classes: str | int | Sequence[str | int] | None = option(
        "Classes to detect, by name or number, such as person,car.", shown="all"
    )
    max_detections: int | None = option("Most objects in an image, the best ones.", shown="the model's")
    batch_size: int | None = option("Images per batch.", shown="what suits the back end")

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise `BadInput` for a value that cannot be used; `spelled` returns how the name of an option is shown."""
        check_limits(self.confidence, self.iou, self.batch_size, spelled)
        require_whole("max_detections", self.max_detections, MOST_OBJECTS, spelled)
        if isinstance(self.classes, Sequence) and not self.classes:
            raise BadInput(f"{spelled('classes')}: expected names or numbers of classes, got none.")


@dataclass(frozen=True)
class ViewOptions:
    """Options of the views in which the model sees an image, see `detect.inference.views`."""

    title: ClassVar[str] = "Large images and small objects"
    tile: int | None = option(
        "Side of the tiles that images are cut into, pixels of the image; 0 for whole images.", shown="as in training"
    )
    tile_overlap: float | None = option(
        "Least share of its side that a tile has in common with the next one, 0 to 0.9.",
        shown="as in training, or 0.2",
    )
    tta: bool = option("Test-time augmentation: show images also mirrored and smaller.", False)

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise `BadInput` for a value that cannot be used; `spelled` returns how the name of an option is shown."""
        if self.tile:
            self.tiling(None, spelled)

    def tiling(self, trained: "Tiling | None", spelled: Callable[[str], str] = str) -> "Tiling | None":
        """Return the tiling that is asked for, or that a model was trained with; None for whole images.

        Args:
            trained: that of the model.
            spelled: returns how errors spell the name of an option.

        Raises:
            BadInput: it cannot be used, or there is an overlap without tiles.
        """
        from detect.config import build
        from detect.data.pixels.tiles import Tiling

        values = trained.model_dump() if trained else {}
        values |= {name: value for name in Tiling.model_fields if (value := getattr(self, name)) is not None}
        if values.get("tile"):
            return build(Tiling, values, "tiles", spelled)
        if self.tile_overlap is not None:
            raise BadInput(f"{spelled('tile_overlap')} is that of tiles: give {spelled('tile')} too, or leave it out.")
        return None


@dataclass(frozen=True)
class ReadingOptions:
    """Options of reading videos and streams."""

    title: ClassVar[str] = "Videos and streams"
    every: int = option("Read one of so many frames of a video.", 1)
    start: str | float | None = option("Where in a video to begin: seconds, or such as 1:30 or 0:01:30.5.")
    end: str | float | None = option("Where in a video to stop; of a stream, seconds after it began.")
    reconnect: bool = option(
        "Try a stream again that has ended or stalled, with growing pauses; an http address of a video is then one.",
        False,
    )
    timeout: float = option("Seconds without data after which a stream or address has stalled.", 20.0)

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise `BadInput` for a value that cannot be used; `spelled` returns how the name of an option is shown."""
        require_whole("every", self.every, MOST_FRAMES, spelled)
        start, end = seconds_of("start", self.start, spelled), seconds_of("end", self.end, spelled)
        if end is not None and end <= (start or 0):
            raise BadInput(f"{spelled('end')}: expected a time after {self.start or 0}, got {self.end!r}.")
        if not seconds_of("timeout", self.timeout, spelled):
            raise BadInput(f"{spelled('timeout')}: expected more than 0 seconds, got {self.timeout!r}.")


@dataclass(frozen=True)
class DrawingOptions:
    """Options of drawing on an image."""

    title: ClassVar[str] = "Drawing"
    line_width: int | None = option("Width of the lines of boxes, pixels.", shown="what suits the image")
    hide_labels: bool = option("Draw boxes without the names of their classes.", False)
    hide_scores: bool = option("Draw boxes without their scores.", False)

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise `BadInput` for a value that cannot be used; `spelled` returns how the name of an option is shown."""
        require_whole("line_width", self.line_width, WIDEST_LINE, spelled)


@dataclass(frozen=True)
class OutputOptions:
    """Options of the files that are written, and of the window."""

    title: ClassVar[str] = "Outputs"
    pictures: bool = option("Write annotated copies of images and videos.", True)
    save_frames: bool = option(
        "Write the frames of videos to OUT/images, without boxes: with --save-yolo, a dataset to correct.", False
    )
    save_json: str | Path | None = option("Write a COCO results file to this path.")
    save_csv: str | Path | None = option("Write a table of all objects to this path.")
    save_label_studio: str | Path | None = option(
        "Write tasks for Label Studio to this JSON file, with the detections as predictions to correct."
    )
    save_fiftyone: str | Path | None = option("Write a dataset of FiftyOne to this folder, with predictions.")
    save_yolo: bool = option("Write YOLO label files to OUT/labels.", False)
    save_crops: bool = option("Write each object as an image to OUT/crops.", False)
    show: bool = option("Show results in a window; Escape or q ends, any other key shows the next image.", False)

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise `BadInput` where two outputs would be one file."""
        files = (self.save_json, self.save_csv, self.save_label_studio)
        given = [Path(path).absolute() for path in files if path is not None]
        for path in given:
            if given.count(path) > 1:
                raise BadInput(f"{path} cannot hold two outputs. Give them different names.")


def grouped(values: Mapping[str, Any], *groups: Any, spelled: Callable[[str], str] = str) -> tuple[Any, ...]:
    """Return options as instances of their groups.

    Args:
        values: by name; what is not in it has its default.
        groups: classes of this file, or others with such fields and a `check`.
        spelled: returns how errors spell the name of an option.

    Raises:
        BadInput: no group has an option of a name, or a value cannot be used.
    """
    names = [[option.name for option in fields(group)] for group in groups]
    known = [name for of_group in names for name in of_group]
    for name in values:
        if name not in known:
            raise BadInput(f"There is no option {name!r}. {did_you_mean(name, known)}")
    chosen = ({name: values[name] for name in of_group if name in values} for of_group in names)
    made = tuple(group(**of_group) for group, of_group in zip(groups, chosen, strict=True))
    for options in made:
        options.check(spelled)
    return made
