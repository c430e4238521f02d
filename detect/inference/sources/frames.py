"""The input of prediction: a `Source`, and each `Frame` of it."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from detect.data.pixels.images import read_image
from detect.data.pixels.tiff_parts import LARGE, TiffParts
from detect.data.pixels.tiles import Window

Kind = Literal["image", "video", "camera"]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One image, one video, or one camera."""

    address: str  # to open: a path, a URL or the index of a camera; empty for an image that is in memory
    kind: Kind  # cameras include network streams, which have no end either
    name: str  # of outputs, without suffix: unique in a run; it may contain folders ("a/b/1")
    shown: str  # the address as it may be printed and written: without user name and password
    # The path within the folder that holds everything given; the last part of a URL; None for what has no name.
    file_name: str | None = None
    pixels: np.ndarray | None = None  # of an image in memory: uint8 [H, W, 3], RGB

    @property
    def is_image_file(self) -> bool:
        """True if the image can be read from disk at any time."""
        return self.kind == "image" and self.pixels is None and "://" not in self.address


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Properties of a video, as an annotated copy needs them."""

    rate: Fraction  # frames per second, on average where the rate varies
    time_base: Fraction  # seconds: every timestamp is a multiple of it
    frames: int | None = None  # according to the header of the file, which may be wrong
    pixel_aspect: Fraction | None = None  # width of a pixel divided by its height, where pixels are not square
    sound: str | None = None  # path of the file with the sound
    start: Fraction = Fraction(0)  # time of timestamp 0 on the file's own clock, seconds


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One upright image of a source."""

    source: Source
    pixels: np.ndarray | None  # uint8 [H, W, 3], RGB; None if they can be read again from the source
    width: int  # of the upright image, pixels
    height: int
    index: int = 0  # position in the video, from 0; frames of a camera that were dropped count too
    timestamp: Fraction | None = None  # seconds since the first frame of the video, exact; None for a single image
    video: VideoFormat | None = None
    parts: TiffParts | None = None  # of an image file that is too large for memory: reads parts of it

    @property
    def image(self) -> np.ndarray:
        """The image, uint8 [H, W, 3], RGB; read from its file if it is not in memory."""
        return read_image(self.source.address) if self.pixels is None else self.pixels

    @property
    def halvings(self) -> int:
        """How often the image is halved to be shown; 0 unless it is too large for memory."""
        return 0 if self.parts is None else max(0, math.ceil(math.log(self.width * self.height / LARGE, 4)))

    @property
    def smaller_image(self) -> np.ndarray:
        """The image, uint8 [H, W, 3], RGB, halved as often as `halvings` says."""
        return self.image if self.parts is None else self.parts.halved(self.halvings)

    def part(self, window: Window) -> np.ndarray:
        """Return a part of the image, uint8 [h, w, 3], RGB; of a file that is read by parts only this is read."""
        return window.of(self.image) if self.parts is None else self.parts.read(window)

    def without_pixels(self) -> "Frame":
        """Return the same frame of an image file without its pixels, which are then read again whenever needed."""
        return replace(self, pixels=None, parts=self.parts and self.parts.without_pieces())
