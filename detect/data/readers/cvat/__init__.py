"""CVAT XML 1.1, for images and for videos: shapes in pixels of the image, whose upper left corner is (0, 0).

    <annotations>
      <image id="0" name="a.jpg" width="40" height="20">
        <box label="car" xtl="10.00" ytl="5.00" xbr="30.00" ybr="15.00" rotation="0.00"></box>
      </image>
    </annotations>

Source: the page on the XML format of docs.cvat.ai. A `track` of a video has a shape for each frame of an object, those
between key frames included; where it is `outside`, the object is not there. The images of frames are `frame_000000.PNG`
and so on, and those without shapes are background. Rotated boxes, polygons, polylines, ellipses, cuboids and masks are
replaced by their upright hulls. Points, skeletons and tags are not objects, and are counted in a note.

The `subset` of an image is its split; without one, it is the split that the name of the file speaks of, else "train".
The order of the classes is that of the labels in `meta`.
"""

import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from functools import cached_property, partial

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.annotations import NO_SIZE
from detect.data.readers.assembly.assembling import attempt
from detect.data.readers.cvat.cvat_content import SHAPES, box_of, is_cvat, read_elements
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.image_folders import images_below
from detect.data.readers.images.locating import split_named
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.images.stems import Stems
from detect.data.readers.kinds.named_content import NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat
from detect.errors import BadInput

_FRAME = re.compile(r"frame_([0-9]{6,9})")
_NOT_OBJECTS = ("points", "skeleton", "tag")  # types of labels


def load_cvat(file: AnnotationFile, split: str) -> Mapping[str, NamedContent | BadInput]:
    """Read a file, as `SplitFormat.load` does: images of a subset are of the split that this is named after."""
    return _CvatFile(file, split).read()


class _Frames(NamedContent):
    """The content of a video; entries are frames."""

    def place(self, entry: int) -> str:
        return f"{self.path}: frame {entry}"


class _CvatFile:
    """A file while it is read."""

    def __init__(self, file: AnnotationFile, split: str):
        """`split`: that of images without a subset."""
        self._file, self._split = file, split
        inside = file.path.parent / "images"
        self._root = file.images or (inside if inside.is_dir() else file.path.parent)  # of the images
        self._contents: dict[str, NamedContent] = {}
        self._rows: dict[int, int] = {}  # of frames
        self._images = self._tracks = 0  # read so far
        self._size, self._order = NO_SIZE, list[str]()

    def read(self) -> dict[str, NamedContent | BadInput]:
        """Return the content of each split, or why it cannot be used."""
        take: dict[str, Callable[[ElementTree.Element], None]] = {
            "meta": self._take_meta,
            "image": self._take_image,
            "track": self._take_track,
        }
        for element in read_elements(self._file.path):
            if element.tag in take:
                take[element.tag](element)
        return {split: attempt(partial(self._with_images, split)) for split in self._contents}

    @cached_property
    def _stems(self) -> Stems:
        """The images below the root, for those that are named without a suffix."""
        return Stems(images_below(self._root))

    def _take_meta(self, meta: ElementTree.Element) -> None:
        """Take the order of the classes, and the size of the frames of a video."""
        labels = [label for label in meta.iter("label") if label.findtext("type") not in _NOT_OBJECTS]
        self._order += [name for label in labels if (name := (label.findtext("name") or "").strip())]
        size = meta.find(".//original_size")
        self._size = NO_SIZE if size is None else _size(size.findtext("width"), size.findtext("height"))

    def _take_image(self, element: ElementTree.Element) -> None:
        subset = element.get("subset", "")
        split = split_named(subset) or self._split
        content = self._contents.setdefault(split, NamedContent(self._file.path))
        name, entry = element.get("name", ""), self._images
        self._images += 1
        if not can_name_file(name):
            content.drop_image(entry, f"expected the 'name' of an image, found {element.attrib!r:.120}")
            return
        if not is_image_name(name):  # a frame of a video
            name = self._stems.find(name) or self._stems.find(f"{subset}/{name}") or name
        row = content.add_image(name, entry, _size(element.get("width"), element.get("height")))
        for position, shape in enumerate(element):
            self._add_shape(content, row, position, shape, shape.get("label"))

    def _take_track(self, track: ElementTree.Element) -> None:
        content = self._contents.setdefault(self._split, _Frames(self._file.path))
        if not self._tracks:
            self._add_frames(content)
        for shape in track:
            frame = shape.get("frame", "")
            if shape.get("outside") == "1":
                continue
            if re.fullmatch("[0-9]{1,9}", frame):
                row = self._row(content, int(frame))
                self._add_shape(content, row, self._tracks, shape, track.get("label"))
            else:
                where = f"{self._file.path}: track {track.get('id')}"
                content.drop_box_at(where, f"expected the number of a 'frame', found {shape.attrib!r:.120}")
        self._tracks += 1

    def _add_frames(self, content: NamedContent) -> None:
        """Add the frames that there are images of: those without a shape are background."""
        frames = (_FRAME.fullmatch(os.path.basename(stem)) for stem in self._stems)
        for frame in sorted(int(match[1]) for match in frames if match):
            self._row(content, frame)

    def _row(self, content: NamedContent, frame: int) -> int:
        if frame not in self._rows:
            name = f"frame_{frame:06d}"
            self._rows[frame] = content.add_image(self._stems.find(name) or f"{name}.PNG", frame, self._size)
        return self._rows[frame]

    def _add_shape(
        self, content: NamedContent, row: int, position: int, shape: ElementTree.Element, label: str | None
    ) -> None:
        if shape.tag not in SHAPES:
            content.counts[f"elements `{shape.tag}` are not objects and are left out"] += 1
            return
        try:
            (box, is_hull), name = box_of(shape), class_name(label)
        except (ValueError, KeyError):
            what = f"expected a {shape.tag} with a label, found label {label!r:.40} and {shape.attrib!r:.120}"
            content.drop_box(row, position, what)
            return
        if is_hull:
            content.counts["rotated boxes, polygons and other shapes are replaced by their upright hulls"] += 1
        content.add_box(row, position, box, name)

    def _with_images(self, split: str) -> NamedContent:
        """Return the content of a split, whose images may lie in a folder that is named after its subset."""
        content = self._contents[split]
        content.order = tuple(self._order)
        content.find_images_of_split(self._file, split)
        return content


def _size(width: str | None, height: str | None) -> tuple[int, int]:
    stated = width or "", height or ""
    return (int(stated[0]), int(stated[1])) if all(re.fullmatch("[0-9]{1,6}", side) for side in stated) else NO_SIZE


READER = SplitFormat(
    name="CVAT XML",
    file="a CVAT XML",
    folder="CVAT's XML files",
    suffixes=(".xml",),
    content="`annotations` with images or tracks",
    recognises=is_cvat,
    load=load_cvat,
).reader()
