"""`FolderFormat`: a format with a file for each image, and how datasets of it are found and read."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.readers.assembly.assembling import attempt
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.locating import parts
from detect.data.readers.kinds.named_content import NamedContent, assemble_named
from detect.data.readers.reader import DatasetFolder, Reader
from detect.data.texts import Texts
from detect.errors import BadInput

_LOOKED_AT = 20  # files in a folder of which one has to be of the format


@dataclass(frozen=True)
class FolderFormat:
    """A format of folders: all files in one are of one split."""

    name: str  # in words: "LabelMe JSON"
    folder: str  # what a folder with such files is called in messages: "LabelMe files"
    files: str  # by which it is recognised, as a pattern
    holds_files: Callable[[Folder], bool]  # whether such files lie in a folder itself
    load: Callable[[Path], NamedContent]  # reads them and finds their images; BadInput where none is found
    suffix: str = ""  # of the files, in lower case, where they lie in the folder itself

    def reader(self) -> Reader:
        """Return the reader of folders with such files."""
        return Reader(folders=(self.dataset_folder(),))

    def dataset_folder(self) -> DatasetFolder:
        """Return the description of such folders, for formats that also have others."""
        return DatasetFolder(
            self.folder, self.files, self.is_dataset, self.read, described=False, of_images=self.suffix
        )

    def is_dataset(self, folder: Folder) -> bool:
        """Return whether there are such files in a folder, or in those inside it that are named after splits."""
        return bool(parts(folder, self.holds_files))

    def read(self, folder: Path) -> Dataset:
        """Read the files in a folder as the training split, else those in the folders that are named after splits.

        Raises:
            BadInput: two folders are of one split, no object is annotated, or no split has images.
        """
        return assemble_named(folder, self.name, self._contents(folder))

    def _contents(self, folder: Path) -> Mapping[str, NamedContent | BadInput]:
        """Return the content of each split, or why it could not be read."""
        contents: dict[str, NamedContent | BadInput] = {}
        for split, part in parts(Folder(folder), self.holds_files):
            if split in contents:
                raise BadInput(
                    f"{folder}: several folders name split {split!r}, one is {part}. Join them, or give one."
                )
            contents[split or "train"] = attempt(partial(self.load, part))
        return contents


class FolderContent(NamedContent):
    """The content of the files in a folder, nothing checked; entries are files."""

    def __init__(self, folder: Path, suffix: str, form: Form = Form.CORNERS):
        """Begin with no images.

        Args:
            folder: the folder.
            suffix: of the files, in lower case.
            form: in which they state boxes.
        """
        super().__init__(folder, form)
        self.files = Texts(path.name for path in Folder(folder).files_with((suffix,)))

    def place(self, entry: int) -> str:
        return os.path.join(self.path, self.files[entry])

    def add_files(self) -> None:
        """Add the images of all files and their boxes, and report files that cannot be read."""
        for entry in range(len(self.files)):
            self._try_file(entry)

    def add_file(self, entry: int, path: Path) -> None:
        """Add the image of a file and its boxes, or report why that is not possible; BadInput before anything is."""
        raise NotImplementedError

    def _try_file(self, entry: int) -> None:
        try:
            self.add_file(entry, Path(self.place(entry)))
        except BadInput as error:
            self.drop_image(entry, str(error))


def holds_some(folder: Folder, suffix: str, recognises: Callable[[Path], bool]) -> bool:
    """Return whether one of the first files in a folder with a suffix is recognised; BadInput means that one is not."""
    return any(_is(recognises, path) for path in islice(folder.files_with((suffix,)), _LOOKED_AT))


def _is(recognises: Callable[[Path], bool], path: Path) -> bool:
    try:
        return recognises(path)
    except BadInput:
        return False
