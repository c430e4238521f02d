"""What is read for prediction: `Source`, where pictures come from, and `Frame`, one picture of it."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from detect.data.pixels.images import read_image

Kind = Literal["image", "video", "camera"]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One image, one video, or one camera."""

    address: str  # what is opened: a path, an address, a camera's index; empty for a picture that is in memory
    kind: Kind  # a camera, or a network stream, has no end
    name: str  # unique among the sources of a run, without suffix: what outputs are called; may hold folders ("a/b/1")
    shown: str  # the address as it may be printed and written: without a user's name and password
    picture: np.ndarray | None = None  # of a source without address: uint8 [H, W, 3], RGB

    @property
    def is_image_file(self) -> bool:
        """Whether the picture can be read from disk at any time."""
        return self.kind == "image" and self.picture is None and "://" not in self.address


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What is known of a video before its end; what an annotated copy of it needs."""

    rate: Fraction  # frames per second, on average where the rate varies
    time_base: Fraction  # seconds: every timestamp is a multiple of it
    frames: int | None = None  # as the file's header promises
    pixel_aspect: Fraction | None = None  # width of a pixel over its height, where pixels are not square
    sound: str | None = None  # the file whose sound belongs to the pictures
    start: Fraction = Fraction(0)  # seconds on the file's own clock at which timestamp 0 lies


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One upright picture of a source."""

    source: Source
    picture: np.ndarray | None  # uint8 [H, W, 3], RGB; None where it can be read again from the source
    width: int  # pixels, upright
    height: int
    index: int = 0  # position in the video, from 0; numbers are missing where a camera was faster than the model
    timestamp: Fraction | None = None  # seconds since the video's first frame, exact; None for a single image
    video: VideoFormat | None = None

    @property
    def image(self) -> np.ndarray:
        """The picture, uint8 [H, W, 3], RGB."""
        return read_image(self.source.address) if self.picture is None else self.picture

    def without_picture(self) -> "Frame":
        """The same frame of an image file, which will be read again when its picture is asked for."""
        return replace(self, picture=None)
