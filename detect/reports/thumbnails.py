"""Small copies of images for pages."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

from detect.data.pixels.images import read_halved
from detect.errors import BadInput
from detect.machine import cores

SIDE = 480  # longest, pixels
QUALITY = 80  # of JPEG, percent


def thumbnails(paths: Sequence[Path], sizes: Sequence[tuple[int, int]]) -> Iterator[bytes | None]:
    """Yield a small copy of each image, a JPEG; None where it cannot be read.

    Args:
        paths: the files.
        sizes: width and height of each image, pixels.
    """
    with ThreadPoolExecutor(cores()) as pool:  # OpenCV works outside of Python's lock
        yield from pool.map(_thumbnail, paths, sizes)


def _thumbnail(path: Path, size: tuple[int, int]) -> bytes | None:
    times = 0
    while max(size) >> (times + 1) >= SIDE and min(size) >> (times + 1):
        times += 1
    try:
        image, _ = read_halved(path, times)
    except BadInput:
        return None
    scale = min(SIDE / max(image.shape[:2]), 1.0)
    side = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    small = cv2.resize(image, side, interpolation=cv2.INTER_AREA) if scale < 1 else image
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes() if done else None
