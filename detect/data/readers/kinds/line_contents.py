"""The content of files with an image, or a box, on each line, whose lines may state the splits of the images."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from detect.data.readers.assembly.annotations import NO_SIZE
from detect.data.readers.assembly.assembling import attempt
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.images.addresses import path_in_address
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.locating import split_named
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import NamedContent
from detect.errors import BadInput


class LineContent(NamedContent):
    """The images and boxes of one split; entries are the numbers of lines."""

    def place(self, entry: int) -> str:
        return f"{self.path}:{entry}"

    def add_named(self, line: int, name: Any, stated: Any, size: tuple[int, int] = NO_SIZE) -> int | None:
        """Add an image and return its row; report it and return None where it has no name.

        Args:
            line: that states it.
            name: of the image, a path or an address.
            stated: what the line states, for messages.
            size: the stated width and height of the image.
        """
        if not can_name_file(name):
            self.drop_image(line, f"expected the name or the address of an image, found {stated!r:.120}")
            return None
        return self.add_image(path_in_address(name.strip()), line, size)


class SplitLines:
    """The content of a file of lines, split by split."""

    def __init__(self, file: AnnotationFile, split: str, form: Form = Form.CORNERS, fractions: bool = False):
        """Begin with no images.

        Args:
            file: the file.
            split: of images that state none.
            form: in which it states boxes.
            fractions: whether they are fractions of the image, not pixels.
        """
        self._file, self._split, self._form, self._fractions = file, split, form, fractions
        self._contents: dict[str, LineContent] = {}

    def of(self, stated: Any) -> LineContent:
        """Return the content of the split that is stated, such as "VALIDATION"."""
        split = (split_named(stated) if isinstance(stated, str) else None) or self._split
        return self._contents.setdefault(split, LineContent(self._file.path, self._form, self._fractions))

    def with_images(self, order: tuple[str, ...] = ()) -> Mapping[str, NamedContent | BadInput]:
        """Find the images, of which one may be on several lines.

        Args:
            order: the classes by label, where the file states them.

        Returns:
            The content of each split, or why it has none.
        """
        return {split: attempt(partial(self._with_images, split, order)) for split in self._contents}

    def _with_images(self, split: str, order: tuple[str, ...]) -> NamedContent:
        content = self._contents[split]
        content.join_images()
        content.order = order
        content.find_images_of_split(self._file, split)
        return content
