"""Read and decode all images of a split once, for everything that has to look at their content.

What was found is kept in the folder of caches: an image is not decoded again as long as its file stays as it is.
"""

import hashlib
import io
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.data.entry_cache import EntryCache
from detect.data.pixels.fingerprint import fingerprint, is_blank
from detect.data.pixels.headers import parse_header
from detect.data.pixels.images import decode_image, read_encoded
from detect.data.pixels.stored_forms import FORMS, stored_form
from detect.data.records import Records
from detect.data.regular_files import status_of
from detect.errors import BadInput
from detect.machine import cache_folder, cores

_FILE = "surveys-3.sqlite"  # another number when an entry gets other content
_ENTRY = np.dtype(
    [
        ("readable", "?"),
        ("digests", "u1", 16),
        ("fingerprints", "u1", 16),
        ("forms", "u1"),
        ("turned", "?"),
        ("blank", "?"),
    ]
)
_CHUNK = 1024  # images between two looks into the cache
_SHORTEST_SIDE = 192  # pixels of an image that is decoded for its fingerprint: of fewer, it changes by some bits


@dataclass(frozen=True)
class Survey:
    """The content of R images. Of those that cannot be read, all but `readable` is zero."""

    readable: np.ndarray  # bool [R], whether they can be decoded
    digests: np.ndarray  # uint8 [R, 16], equal for files with the same content
    fingerprints: np.ndarray  # uint8 [R, 16], near for images that look alike, see `detect.data.pixels.fingerprint`
    forms: np.ndarray  # uint8 [R], position in `detect.data.pixels.stored_forms.FORMS`
    turned: np.ndarray  # bool [R], whether the EXIF orientation exchanges width and height
    blank: np.ndarray  # bool [R], whether they show but one colour


def survey(records: Records, advance: Callable[[], None] = lambda: None) -> Survey:
    """Look at the R images of records. `advance` is called after each of them."""
    table = np.zeros(len(records), _ENTRY)
    with EntryCache(cache_folder() / _FILE) as cache, ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(records), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(records)))
            table[start : rows.stop] = _entries(records, rows, cache, pool, advance)
    return Survey(**{name: table[name] for name in _ENTRY.fields or ()})


def _entries(
    records: Records, rows: Sequence[int], cache: EntryCache, pool: ThreadPoolExecutor, advance: Callable[[], None]
) -> np.ndarray:
    """Return an entry for each of the records in `rows`, from the cache or by a look at their images."""
    keys = [_key(records.image_path(row)) for row in rows]
    known = cache.entries(keys)
    looks = {row: pool.submit(_look_at, records, row) for row, key in zip(rows, keys, strict=True) if key not in known}
    entries = np.zeros(len(rows), _ENTRY)
    for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
        entries[place] = looks[row].result() if row in looks else np.frombuffer(known[key], _ENTRY)[0]
        advance()
    # What could not be read may be tomorrow, without a change of its file: when a package has been installed.
    new = [(key, entry.tobytes()) for key, entry in zip(keys, entries, strict=True) if key and entry["readable"]]
    cache.add([(key, content) for key, content in new if key not in known])
    return entries


def _key(path: Path) -> bytes:
    """Return what tells one state of one file from all others; empty where there is no such file."""
    try:
        status = status_of(path)
    except OSError:
        return b""
    state = f"{os.path.abspath(path)}\0{status.st_size}\0{status.st_mtime_ns}"
    return hashlib.blake2b(os.fsencode(state), digest_size=16).digest()


def _look_at(records: Records, row: int) -> np.ndarray:
    path, entry = records.image_path(row), np.zeros((), _ENTRY)
    with suppress(BadInput):
        data = read_encoded(path)
        image = decode_image(data, str(path), _halvings(records.sizes[row].min()))
        header = parse_header(io.BytesIO(data), str(path))
        form = FORMS.index(stored_form(data, header, str(path)))
        digest = np.frombuffer(hashlib.blake2b(data, digest_size=16).digest(), np.uint8)
        entry[...] = (True, digest, fingerprint(image), form, header.transposed, is_blank(image))
    return entry


def _halvings(side: int) -> int:
    """Return how often an image with this shorter side can be halved: JPEGs are decoded faster then."""
    return max(0, int(math.log2(side / _SHORTEST_SIDE)))
