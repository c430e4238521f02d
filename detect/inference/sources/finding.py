"""Find sources and read their frames: images, folders, globs, URLs, videos, cameras, arrays.

Folders include their subfolders, except hidden ones, in natural order (`2.jpg` before `10.jpg`). A file that cannot be
read is skipped and reported, so that one bad file among a thousand does not end a run; if it is the only source, that
is an error.
"""

import glob
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from detect.data.pixels.images import SUFFIXES as IMAGE_SUFFIXES
from detect.data.pixels.images import decode_image, read_image
from detect.errors import BadInput
from detect.inference.sources.downloads import content_type, download_image, shown
from detect.inference.sources.frames import Frame, Kind, Source
from detect.inference.sources.in_memory import rgb_array
from detect.inference.sources.video_reader import read_camera, read_video

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".avi", ".wmv", ".flv", ".mkv", ".webm", ".ogv"}
    | {".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".h264", ".h265", ".hevc"}
)
_LIVE_SCHEMES = frozenset(("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt"))


def find_sources(given: Any, leave_out: str | Path | None = None) -> list[Source]:
    """Return the sources that `given` stands for, in order.

    Args:
        given: a file, a folder, a glob (`**` matches subfolders), an http, rtsp, rtmp, udp or srt URL, the index of a
            camera ("0"), a uint8 RGB array [H, W, 3], a PIL image, or several of these.
        leave_out: a folder to leave out, because outputs of earlier runs are in it.

    Raises:
        BadInput: there is nothing of that name or nothing in it, it is of another type, or a camera is not the only
            source.
    """
    items = list(given) if _is_several(given) else [given]
    if not items:
        raise BadInput("No source was given. Expected images, videos, folders, globs, URLs or the index of a camera.")
    without = Path(leave_out).resolve() if leave_out is not None else None
    found = [source for item in items for source in _expand(item, without)]
    if len(found) > 1 and any(source.kind == "camera" for source in found):
        raise BadInput("A camera or network stream has no end, so no other source can follow: give it alone.")
    return _with_unique_names(found)


def read_frames(sources: Iterable[Source], skip: Callable[[str], None]) -> Generator[Frame, None, None]:
    """Yield the frames of all sources in order, each read when it is requested.

    Args:
        sources: as `find_sources` returns them.
        skip: called with one sentence for each source that cannot be read, or not to its end.

    Raises:
        BadInput: none of the sources can be read.
    """
    sources = list(sources)
    problems = []
    for source in sources:
        problem = yield from _frames_or_problem(source, skip)
        if problem:
            problems.append(problem)
            if len(sources) > 1:
                skip(str(problem))
    if len(problems) == len(sources) == 1:
        raise problems[0]
    if len(problems) == len(sources):
        raise BadInput(f"None of the {len(sources)} sources could be read. The first: {problems[0]}")


def _frames_or_problem(source: Source, skip: Callable[[str], None]) -> Generator[Frame, None, BadInput | None]:
    try:
        yield from _frames_of(source, skip)
    except BadInput as problem:
        return problem
    return None


def _frames_of(source: Source, skip: Callable[[str], None]) -> Iterator[Frame]:
    if source.kind == "video":
        yield from read_video(source, skip)
    elif source.kind == "camera":
        yield from read_camera(source, skip)
    else:
        image = _image_of(source)
        yield Frame(source, image, width=image.shape[1], height=image.shape[0])


def _image_of(source: Source) -> np.ndarray:
    if source.pixels is not None:
        return source.pixels
    if "://" in source.address:
        return decode_image(download_image(source.address), source.shown)
    return read_image(Path(source.address))


def _is_several(given: Any) -> bool:
    if isinstance(given, np.ndarray):
        return given.ndim == 4
    return isinstance(given, Iterable) and not isinstance(given, (str, Path))


def _expand(item: Any, leave_out: Path | None) -> list[Source]:
    if not isinstance(item, (str, Path)):
        return [Source("", "image", "image", "image in memory", rgb_array(item))]
    text = str(item)
    if "://" in text:
        return [_address(text)]
    path = Path(text).expanduser()
    if path.is_dir():
        return _folder(path, leave_out)
    if path.exists():  # before globs: a file may be called "a[1].jpg"
        return [_named_file(path)]
    if text.isascii() and text.isdigit():
        return [Source(text, "camera", f"camera-{text}", f"camera {text}")]
    if glob.has_magic(text):
        return _glob(text, leave_out)
    raise BadInput(f"There is no file or folder {text!r} (in {Path.cwd()}). Check the spelling.")


def _named_file(path: Path) -> Source:
    kind = _kind_of_name(path.name)
    if kind is None:
        known = " ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))
        raise BadInput(f"{path}: files of type {path.suffix or '(none)'} cannot be read. Known: {known}.")
    return _file(path, kind, Path(path.name))


def _folder(folder: Path, leave_out: Path | None) -> list[Source]:
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
        if leave_out is not None and Path(parent).resolve() == leave_out:
            folders.clear()
            continue
        paths = [Path(parent, name) for name in sorted(files, key=natural_key) if not name.startswith(".")]
        found += _usable(paths, folder)
    if not found:
        raise BadInput(f"{folder} and its subfolders contain no images or videos.")
    return found


def _glob(pattern: str, leave_out: Path | None) -> list[Source]:
    paths = [Path(path) for path in glob.glob(os.path.expanduser(pattern), recursive=True)]
    if leave_out is not None:
        paths = [path for path in paths if leave_out not in path.resolve().parents]
    paths = sorted((path for path in paths if path.is_file()), key=lambda path: [natural_key(p) for p in path.parts])
    found = _usable(paths, _fixed_folder(pattern))
    if not found:
        raise BadInput(f"No image or video matches {pattern!r} (in {Path.cwd()}).")
    return found


def _fixed_folder(pattern: str) -> Path:
    """Return the folder that contains all matches of a glob: its parts before the first wildcard."""
    fixed = []
    for part in Path(pattern).expanduser().parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _usable(paths: Iterable[Path], root: Path) -> list[Source]:
    kinds = ((path, _kind_of_name(path.name)) for path in paths)
    return [_file(path, kind, path.relative_to(root)) for path, kind in kinds if kind]


def _file(path: Path, kind: Kind, relative: Path) -> Source:
    return Source(str(path), kind, relative.with_suffix("").as_posix(), str(path))


def _kind_of_name(name: str) -> Kind | None:
    suffix = os.path.splitext(name)[1].lower()
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "video" if suffix in VIDEO_SUFFIXES else None


def _address(text: str) -> Source:
    parts = urlsplit(text)
    name = re.sub(r"[^\w-]+", "-", os.path.splitext(unquote(parts.path).strip("/").rpartition("/")[2])[0]).strip("-")
    name = name or re.sub(r"[^\w-]+", "-", parts.hostname or "") or "stream"
    if parts.scheme.lower() in _LIVE_SCHEMES:
        return Source(text, "camera", name, shown(text))
    if parts.scheme.lower() not in ("http", "https"):
        known = ", ".join(["http", "https", *sorted(_LIVE_SCHEMES)])
        raise BadInput(f"{shown(text)}: URLs of type {parts.scheme!r} cannot be read. Known: {known}.")
    return Source(text, _kind_of_name(parts.path) or _kind_on_server(text), name, shown(text))


def _kind_on_server(address: str) -> Kind:
    kind = content_type(address)
    if kind.startswith("multipart/"):  # motion JPEG, as many network cameras send it
        return "camera"
    if kind.startswith("video/") or kind.endswith(("mpegurl", "dash+xml")):
        return "video"
    if kind.startswith("image/") or kind == "application/octet-stream":
        return "image"
    raise BadInput(f"{shown(address)}: expected an image or a video, the server sends {kind}.")


def natural_key(name: str) -> list[str | int]:
    """Return a key that sorts numbers in names by value. Odd items are always numbers, so that keys can be compared."""
    return [int(part) if position % 2 else part.casefold() for position, part in enumerate(re.split(r"(\d+)", name))]


def _with_unique_names(sources: list[Source]) -> list[Source]:
    """Make names unique: of `a/1.jpg` and `b/1.jpg`, whose outputs would be the same file, the second becomes `1-2`."""
    taken: set[str] = set()
    unique = []
    for source in sources:
        name, number = source.name, 1
        while name.casefold() in taken:  # some file systems ignore case
            number += 1
            name = f"{source.name}-{number}"
        taken.add(name.casefold())
        unique.append(replace(source, name=name))
    return unique
