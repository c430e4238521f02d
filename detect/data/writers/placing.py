"""Put the images of a dataset into a new folder: as second names of their files, or as copies."""

import contextlib
import io
import os
from collections.abc import Iterator

from detect.data.pixels.headers import parse_header
from detect.data.records import Records
from detect.data.regular_files import open_regular
from detect.data.writers.writer import Job
from detect.errors import RunFailure

_TURNED = "images are turned by their EXIF orientation: sizes and boxes are those of the upright image"
_LINKED = "images are hard links: a program that edits one in place changes the original, too (`--copy` makes copies)"


def place_images(job: Job, records: Records, folder: str) -> None:
    """Put the images of a split into a folder, by the `names` of its records."""
    for row, name in enumerate(records.copy_names()):
        _place(job, os.path.join(records.folder, records.paths[row]), f"{folder}/{name}")
        job.step()


def read_image_file(path: str) -> bytes:
    """Return the content of an image file; RunFailure where it cannot be read any more."""
    with _still_there(path), open_regular(path) as file:
        return file.read()


def _place(job: Job, path: str, name: str) -> None:
    if not job.copies and _is_linked(job, path, name):
        job.remarks[_LINKED] += 1
        with _still_there(path), open_regular(path) as file:
            header = parse_header(file, path)
    else:
        data = read_image_file(path)
        job.folder.write(name, data)
        header = parse_header(io.BytesIO(data), path)
    job.remarks[_TURNED] += header.orientation != 1


def _is_linked(job: Job, path: str, name: str) -> bool:
    """Link an image, if that is possible: not to another file system, nor to a part of a file."""
    try:
        job.folder.link(name, path)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _still_there(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFailure(f"{path}: the image cannot be read any more: {error.strerror}. Run again.") from None
