"""Find sources and read their frames: images, folders, globs, URLs, videos, cameras, arrays.

A file that cannot be read is skipped and reported, so that one bad file among a thousand does not end a run; if it is
the only source, that is an error.
"""

import glob
import os
import re
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from detect.data.pixels.images import SUFFIXES as IMAGE_SUFFIXES
from detect.data.pixels.images import count_images, decode_image, read_image
from detect.data.pixels.tiff_parts import large_parts
from detect.data.regular_files import file_of_part
from detect.errors import BadInput
from detect.inference.options import ReadingOptions
from detect.inference.sources.downloads import content_type, download_image, shown
from detect.inference.sources.folders import VIDEO_SUFFIXES, files_in, files_matching, fixed_folder, kind_of_name
from detect.inference.sources.frames import Frame, Kind, Source
from detect.inference.sources.in_memory import Channels, is_encoded, rgb_array
from detect.inference.sources.live import read_live
from detect.inference.sources.video_reader import USUAL, read_video

_MAY_HOLD_SEVERAL = frozenset((".gif", ".webp", ".png", ".apng", ".avif", ".tif", ".tiff"))
_FRAME = re.compile(r"(.*)-\d{6,}", re.DOTALL)  # the names of files for a frame of a video
_LONGEST_SHOWN = 100  # characters of a source that does not exist
_LIVE_SCHEMES = frozenset(("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt"))


def find_sources(
    given: Any,
    leave_out: str | Path | None = None,
    note: Callable[[str], None] = warnings.warn,
    channels: Channels = "rgb",
    live: bool = False,
) -> list[Source]:
    """Return the sources that `given` stands for, in order.

    Args:
        given: a file, a folder, a glob (`**` matches subfolders), an http, rtsp, rtmp, udp or srt URL, the index of a
            camera ("0"), a uint8 RGB array [H, W, 3], a PIL image, the bytes of an image file, or several of these.
        leave_out: a folder to leave out, because outputs of earlier runs are in it.
        note: called with a sentence about files of other types that are left out.
        channels: the order of the channels of arrays.
        live: take http addresses for live streams, unless they are images.

    Raises:
        BadInput: there is nothing of that name or nothing in it, it is of another type, or a camera is not the only
            source.
    """
    items = list(given) if _is_several(given) else [given]
    if not items:
        raise BadInput("No source was given. Expected images, videos, folders, globs, URLs or the index of a camera.")
    without = Path(leave_out).resolve() if leave_out is not None else None
    found = [source for item in items for source in _expand(item, without, note, channels)]
    if live:
        found = [replace(one, kind="camera") if one.kind == "video" and "://" in one.address else one for one in found]
    if len(found) > 1 and any(source.kind == "camera" for source in found):
        raise BadInput("A camera or network stream has no end, so no other source can follow: give it alone.")
    return _with_unique_names(_with_file_names(found))


def require_source(text: str) -> None:
    """Raise `BadInput` for a word at which there is nothing to run on. No folder is listed and no address opened."""
    if "://" not in text and not glob.has_magic(text) and not os.path.exists(os.path.expanduser(text)):
        find_sources(text)


def read_frames(
    sources: Iterable[Source],
    skip: Callable[[str], None],
    reading: ReadingOptions = USUAL,
    tell: Callable[[str], None] = warnings.warn,
    stopped: threading.Event | None = None,
    by_parts: bool = False,
) -> Generator[Frame, None, None]:
    """Yield the frames of all sources in order, each read when it is requested.

    Args:
        sources: as `find_sources` returns them.
        skip: called with one sentence for each source that cannot be read, or not to its end.
        reading: which frames of videos.
        tell: called with what happens to a live stream.
        stopped: as for `read_live`.
        by_parts: of large TIFF files, read only the parts that are asked for: nobody needs the whole image.

    Raises:
        BadInput: none of the sources can be read.
    """
    sources = list(sources)
    problems = []
    for source in sources:
        problem = yield from _frames_or_problem(source, skip, reading, tell, stopped, by_parts)
        if problem:
            problems.append(problem)
            if len(sources) > 1:
                skip(str(problem))
    if len(problems) == len(sources) == 1:
        raise problems[0]
    if len(problems) == len(sources):
        raise BadInput(f"None of the {len(sources)} sources could be read. The first: {problems[0]}")


def read_one_by_one(
    items: Iterator[Any],
    skip: Callable[[str], None],
    channels: Channels = "rgb",
    reading: ReadingOptions = USUAL,
    by_parts: bool = False,
) -> Generator[Frame, None, None]:
    """Yield the frames of what an iterator yields, each item taken when it is needed: it may have no end.

    Args:
        items: yields what `find_sources` takes.
        skip: called with one sentence for each source that cannot be read, or not to its end.
        channels: the order of the channels of arrays.
        reading: which frames of videos.
        by_parts: as for `read_frames`.

    Raises:
        BadInput: an item is not a source.
    """
    for item in items:
        for source in find_sources(item, channels=channels):
            problem = yield from _frames_or_problem(source, skip, reading, skip, by_parts=by_parts)
            if problem:
                skip(str(problem))


def _frames_or_problem(
    source: Source,
    skip: Callable[[str], None],
    reading: ReadingOptions,
    tell: Callable[[str], None],
    stopped: threading.Event | None = None,
    by_parts: bool = False,
) -> Generator[Frame, None, BadInput | None]:
    try:
        if source.kind == "camera":
            yield from read_live(source, tell, reading, stopped)
        elif source.kind == "video":
            yield from read_video(source, skip, reading)
        else:
            yield _image_frame(source, skip, by_parts)
    except BadInput as problem:
        return BadInput(*problem.args)  # its traceback would keep the half-decoded image in memory
    return None


def _image_frame(source: Source, skip: Callable[[str], None], by_parts: bool) -> Frame:
    if by_parts and source.is_image_file and (parts := large_parts(Path(source.address))):
        return Frame(source, None, parts.width, parts.height, parts=parts)
    image = _image_of(source)
    if source.is_image_file and os.path.splitext(source.address)[1].lower() in _MAY_HOLD_SEVERAL:
        count = count_images(source.address)
        if count > 1:
            skip(f"{source.shown}: only the first of its {count} images is used.")
    return Frame(source, image, width=image.shape[1], height=image.shape[0])


def _image_of(source: Source) -> np.ndarray:
    if source.pixels is not None:
        return source.pixels
    if "://" in source.address:
        return decode_image(download_image(source.address), source.shown)
    return read_image(Path(source.address))


def _is_several(given: Any) -> bool:
    if isinstance(given, np.ndarray):
        return given.ndim == 4
    return isinstance(given, Iterable) and not (isinstance(given, (str, os.PathLike)) or is_encoded(given))


def _expand(item: Any, leave_out: Path | None, note: Callable[[str], None], channels: Channels) -> list[Source]:
    if not isinstance(item, (str, os.PathLike)):
        return [Source("", "image", "image", "image in memory", pixels=rgb_array(item, channels))]
    text = os.fspath(item)
    if not text or "\0" in text:
        raise BadInput(f"{text!r} is not a source. Expected a path or a URL; is a variable of your shell empty?")
    if text.startswith("data:"):
        raise BadInput("A data URL is not a source. Decode what follows its comma with `base64`, and give the bytes.")
    if "://" in text:
        return [_address(text)]
    path = os.path.expanduser(text)
    if os.path.isdir(path):
        return [_file(found, Path(path)) for found in files_in(Path(path), leave_out, note)]
    if os.path.exists(path):  # before globs: a file may be called "a[1].jpg"
        return [_named_file(Path(path))]
    if file_of_part(path):
        return [_file(Path(path), Path(path).parent)]
    if text.isascii() and text.isdigit():
        return [Source(text, "camera", f"camera-{text}", f"camera {text}")]
    if glob.has_magic(text):
        folder = fixed_folder(text)
        return [_file(found, folder) for found in files_matching(text, leave_out, note)]
    shown_text = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    raise BadInput(f"There is no file or folder {shown_text!r} (in {Path.cwd()}). Check the spelling.")


def _named_file(path: Path) -> Source:
    if kind_of_name(path.name) is None:
        known = " ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))
        raise BadInput(f"{path}: files of type {path.suffix or '(none)'} cannot be read. Known: {known}.")
    return _file(path, path.parent)


def _file(path: Path, root: Path) -> Source:
    """Return the source of an image or video that was found in `root`; its outputs lie below theirs.

    A glob such as `a/*/../../b.jpg` leads out of the folder that it begins in.
    """
    kind = kind_of_name(path.name) or "image"
    parts = [part for part in path.relative_to(root).with_suffix("").parts if part != os.pardir]
    return Source(str(path), kind, "/".join(parts), str(path))


def _address(text: str) -> Source:
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a URL: {error}. Check the spelling.") from None
    last = unquote(parts.path).strip("/").rpartition("/")[2]
    name = re.sub(r"[^\w-]+", "-", os.path.splitext(last)[0]).strip("-")
    name = name or re.sub(r"[^\w-]+", "-", parts.hostname or "") or "stream"
    if parts.scheme.lower() in _LIVE_SCHEMES:
        return Source(text, "camera", name, shown(text))
    if parts.scheme.lower() not in ("http", "https"):
        known = ", ".join(["http", "https", *sorted(_LIVE_SCHEMES)])
        raise BadInput(f"{shown(text)}: URLs of type {parts.scheme!r} cannot be read. Known: {known}.")
    kind = kind_of_name(parts.path) or _kind_on_server(text)
    return Source(text, kind, name, shown(text), file_name=last or None)


def _kind_on_server(address: str) -> Kind:
    kind = content_type(address)
    if kind.startswith("multipart/"):  # motion JPEG, as many network cameras send it
        return "camera"
    if kind.startswith("video/") or kind.endswith(("mpegurl", "dash+xml")):
        return "video"
    if kind.startswith("image/") or kind == "application/octet-stream":
        return "image"
    raise BadInput(f"{shown(address)}: expected an image or a video, the server sends {kind}.")


def _with_file_names(sources: list[Source]) -> list[Source]:
    """Set the file names of files: their paths within the folder that holds everything given."""
    roots = {_root(source) for source in sources if _is_file(source)}
    if not roots:
        return sources
    try:
        top = os.path.commonpath(roots)
    except ValueError:  # on several drives of Windows
        top = ""
    return [_with_file_name(source, top) if _is_file(source) else source for source in sources]


def _with_file_name(source: Source, top: str) -> Source:
    path = os.path.abspath(source.address)
    return replace(source, file_name=Path(os.path.relpath(path, top) if top else path).as_posix())


def _root(source: Source) -> str:
    """Return the folder that was given for a file, or that the given file is in."""
    return str(Path(os.path.abspath(source.address)).parents[source.name.count("/")])


def _is_file(source: Source) -> bool:
    return source.kind != "camera" and source.pixels is None and "://" not in source.address


def _with_unique_names(sources: list[Source]) -> list[Source]:
    """Make names unique: of `a/1.jpg` and `b/1.jpg`, whose outputs would be the same file, the second becomes `1-2`.

    So does `clip-000001.jpg` beside `clip.mp4`, whose frame 1 has files of that name.
    """
    taken: set[str] = set()
    numbers = Counter[str]()  # tried for each name: thousands of files may be called the same
    videos = {source.name.casefold() for source in sources if source.kind != "image"}
    unique = []
    for source in sources:
        name, key = source.name, source.name.casefold()  # some file systems ignore case
        frame = _FRAME.fullmatch(key)
        is_taken = key in taken or (frame is not None and frame[1] in videos)
        while is_taken:
            numbers[key] += 1
            name = f"{source.name}-{numbers[key] + 1}"
            is_taken = name.casefold() in taken
        taken.add(name.casefold())
        unique.append(replace(source, name=name))
    return unique
