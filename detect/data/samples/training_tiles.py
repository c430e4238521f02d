"""The tiles that large images are cut into for training, each with its boxes: as `Records`, and where they lie."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from detect.data.pixels.tiff_parts import TiffParts
from detect.data.pixels.tiles import Tiling, Window
from detect.data.pixels.warping import blank, halve
from detect.data.records import Records
from detect.data.samples.checked_images import UnreadableImages, read_or_open
from detect.data.samples.sample_order import shows_objects
from detect.errors import counted

VISIBLE = 0.5  # share of its area: a box of which a tile shows less is an ignored region there


@dataclass(frozen=True)
class TrainingTiles:
    """T tiles of R images.

    Attributes:
        images: the images.
        records: the tiles, image by image; boxes are in pixels of the tile, paths and ids those of its image.
        owners: the position of the image of each tile, int64 [T].
        corners: left and top of each tile in its image, int32 [T, 2].
    """

    images: Records
    records: Records
    owners: np.ndarray
    corners: np.ndarray

    def describe(self) -> str:
        """Return a sentence about how many tiles there are."""
        side, of_images = self.records.sizes[0, 0], counted(len(self.images), "image", "images")
        shown = np.count_nonzero(shows_objects(self.records))
        return (
            f"Tiles: {len(self.records)} of {side} px, from {of_images}; {shown} of them show objects. The others take "
            "turns, as many in each epoch as these."
        )

    def read(self, index: int, times: int, keep: Callable[[int, np.ndarray], None] | None = None) -> np.ndarray:
        """Read a tile, uint8 RGB [H, W, 3], halved some times.

        Tiles that are larger than their image are grey where it ends, so that all are of one scale.

        Args:
            index: of the tile.
            times: how often it is halved.
            keep: is called with the other tiles of its image and their indices, which come with it.

        Raises:
            BadInput: the image cannot be read, or has another size.
        """
        owner = self.owners[index]
        image = read_or_open(self.images[owner])
        if isinstance(image, TiffParts):
            return halve(self._filled(image.read(self._window(index))), times)
        if keep:
            first, last = np.searchsorted(self.owners, [owner, owner + 1]).tolist()
            for other in (*range(first, index), *range(index + 1, last)):
                keep(other, halve(self._filled(self._window(other).of(image)), times))
        return np.ascontiguousarray(halve(self._filled(self._window(index).of(image)), times))

    def _window(self, index: int) -> Window:
        """Return the part of its image that a tile shows."""
        (left, top), side = self.corners[index].tolist(), self.records.sizes[index, 0].item()
        width, height = self.images.sizes[self.owners[index]].tolist()
        return Window(left, top, min(left + side, width), min(top + side, height))

    def _filled(self, part: np.ndarray) -> np.ndarray:
        """Return a part of an image as a square tile, grey where it has no pixels."""
        side = self.records.sizes[0, 0].item()
        if part.shape[:2] == (side, side):
            return part
        tile = blank(side, side)
        tile[: part.shape[0], : part.shape[1]] = part
        return tile

    def unreadable_images(self, unreadable: UnreadableImages) -> UnreadableImages:
        """Return the images of unreadable tiles."""
        of_images = UnreadableImages(len(self.images))
        for index in np.unique(self.owners[unreadable.indices()]).tolist():
            of_images.add(index)
        return of_images


def cut(images: Records, tiling: Tiling) -> TrainingTiles:
    """Return all tiles of some images.

    Boxes end at the border of their tile. Those of which less than `VISIBLE` is left are ignored regions.
    """
    side = tiling.tile
    windows = [tiling.windows(height, width) for width, height in images.sizes.tolist()]
    owners = np.repeat(np.arange(len(images)), [len(each) for each in windows])
    corners = np.array([(window.left, window.top) for each in windows for window in each], np.int32).reshape(-1, 2)
    starts = np.searchsorted(owners, np.arange(len(images) + 1))
    pairs = [
        _boxes_in(images.boxes[images.box_rows(image)], corners[starts[image] : starts[image + 1]], side)
        for image in range(len(images))
    ]
    first_boxes = np.append(0, images.box_ends)
    tiles = np.concatenate([first + tile for first, (tile, _) in zip(starts, pairs, strict=False)])
    rows = np.concatenate([first + box for first, (_, box) in zip(first_boxes, pairs, strict=False)])
    boxes, share = _clipped(images.boxes[rows], corners[tiles], side)
    part = images.select(owners)
    records = replace(
        part,
        sizes=np.full((len(owners), 2), side, np.int32),
        box_ends=np.cumsum(np.bincount(tiles, minlength=len(owners))),
        boxes=boxes,
        labels=images.labels[rows],
        ignore=images.ignore[rows] | (share < VISIBLE),
        areas=images.areas[rows] * share,
        stated=None,
    )
    return TrainingTiles(images, records, owners, corners)


def _boxes_in(boxes: np.ndarray, corners: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tile and the box of each part of a box [n, 4] that a tile [T, 2] shows, tile by tile."""
    shown = (boxes[:, :2] < corners[:, None] + side) & (boxes[:, 2:] > corners[:, None])  # [T, n, 2]
    tiles, rows = np.nonzero(shown.all(axis=2))
    return tiles, rows


def _clipped(boxes: np.ndarray, corners: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of each box [m, 4] in its tile [m, 2], in pixels of that, and which share of its area it is."""
    moved = boxes - np.tile(corners, 2).astype(np.float32)
    inside = np.clip(moved, 0, side)
    area, left = ((each[:, 2:] - each[:, :2]).astype(np.float64).prod(axis=1) for each in (boxes, inside))
    return inside, left / np.maximum(area, 1e-9)
