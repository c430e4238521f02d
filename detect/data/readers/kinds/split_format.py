"""`SplitFormat`: a format of annotation files of one split or several, and how datasets of it are found and read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.readers.assembly.assembling import attempt
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import (
    AnnotationFile,
    described_files,
    files_by_split,
    files_in,
    split_folder_files,
    split_of_file,
)
from detect.data.readers.kinds.named_content import NamedContent, assemble_named
from detect.data.readers.reader import DatasetFile, DatasetFolder, Reader, SplitFiles
from detect.errors import BadInput


@dataclass(frozen=True)
class SplitFormat:
    """A format of annotation files. Each is one split, unless its entries state theirs."""

    name: str  # in words: "CreateML JSON"
    file: str  # what a file of it is called in messages, with its article: "a CreateML JSON"
    folder: str  # what a folder with such files is called: "CreateML files"
    suffixes: tuple[str, ...]  # of the files, in lower case
    content: str  # by which they are recognised, in words
    recognises: Callable[[Path], bool]  # whether a file has this content; BadInput where it cannot be parsed
    # Reads a file and finds its images: the content of each split, or why it cannot be used. It takes the split of what
    # states none. BadInput where nothing of the file can be used.
    load: Callable[[AnnotationFile, str], Mapping[str, NamedContent | BadInput]]
    inside: str = ""  # the folder in that of a split in which files may lie; empty where there is none

    def reader(self) -> Reader:
        """Return the reader of files and of folders with them."""
        file = DatasetFile(self.file, self.suffixes, self.content, self.recognises, self.read_file, in_folders=False)
        files = "*" + "|".join(self.suffixes)
        folder = DatasetFolder(
            self.folder,
            f"{files}, or train|valid|test/{files}",
            self.holds_files,
            self.read_folder,
            described=False,
        )
        return Reader(files=(file,), folders=(folder,), read_splits=self.read_splits)

    def read_file(self, path: Path) -> Dataset:
        """Read one file as the split that its name speaks of, else as "train"."""
        split, note = split_of_file(path)
        return self.read(path, {split: AnnotationFile(path)}, notes=[note])

    def holds_files(self, folder: Folder) -> bool:
        """Return whether there are such files in a folder, or in those inside it that are named after splits."""
        return bool(self._loose(folder) or self._in_split_folders(folder))

    def read_folder(self, folder: Path) -> Dataset:
        """Read the files in a folder, else those in the folders inside it that are named after splits."""
        listed = Folder(folder)
        paths = self._loose(listed)
        if len(paths) == 1:
            return replace(self.read_file(paths[0]), source=folder)
        files, notes = files_by_split(folder, paths) if paths else (self._in_split_folders(listed), [])
        return self.read(folder, files, notes=notes)

    def read_splits(self, source: Path, splits: Mapping[str, SplitFiles], classes: Sequence[str]) -> Dataset:
        """Read what a YAML description describes: one annotation file per split."""
        return self.read(source, described_files(source, splits), classes)

    def read(
        self,
        source: Path,
        files: Mapping[str, AnnotationFile],
        classes: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> Dataset:
        """Read a dataset.

        Args:
            source: what the user gave, for messages.
            files: the annotation file of each split.
            classes: the classes in the order of their labels; where empty, the names that occur, sorted.
            notes: what has been decided so far.

        Raises:
            BadInput: two files state the same split, no object is annotated, or no split has images.
        """
        contents: dict[str, NamedContent | BadInput] = {}
        for split, file in files.items():
            read = attempt(partial(self.load, file, split))
            for name, content in ({split: read} if isinstance(read, BadInput) else read).items():
                if name in contents:
                    raise BadInput(f"{source}: two files state the split {name!r}. Give one of them.")
                contents[name] = content
        return assemble_named(source, self.name, contents, classes, notes=notes)

    def _loose(self, folder: Folder) -> list[Path]:
        return files_in(folder, self.suffixes, self.recognises)

    def _in_split_folders(self, folder: Folder) -> dict[str, AnnotationFile]:
        return split_folder_files(folder, self.suffixes, self.recognises, self.inside)


def one_split(
    load: Callable[[AnnotationFile], NamedContent],
) -> Callable[[AnnotationFile, str], Mapping[str, NamedContent | BadInput]]:
    """Return a function that reads a file of one split as `SplitFormat.load` does; `load` returns its content."""
    return lambda file, split: {split: attempt(partial(load, file))}
