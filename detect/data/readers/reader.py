"""The description of a dataset format: how its datasets are recognised, and the functions that read them.

A new format is one new file in this folder, or one new folder:

    READER = Reader(files=(DatasetFile("a CSV of boxes", (".csv",), "a column `class`", is_boxes_csv, read_boxes_csv),))

`read_boxes_csv` fills an `Annotations` for each split and gives them to `assemble`, which checks images and boxes. What
cannot be read is reported to the `problems` of the split, with its file and line; where nothing can be read, `BadInput`
is raised. Messages, the generated page docs/datasets.md and the contract test of readers use what is said here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from detect.data.dataset import Dataset
from detect.data.readers.files.listing import Folder


@dataclass(frozen=True)
class DatasetFile:
    """A kind of file that can be given as a dataset."""

    name: str  # with its article: "a COCO JSON"
    suffixes: tuple[str, ...]  # of such files, in lower case
    content: str  # what tells it from other files with these suffixes, in words
    recognises: Callable[[Path], bool]  # whether a file has this content; BadInput where the file cannot be parsed
    read: Callable[[Path], Dataset]
    in_folders: bool = True  # whether a folder with such a file can be given instead of the file


@dataclass(frozen=True)
class DatasetFolder:
    """A kind of folder that can be given as a dataset."""

    name: str  # "COCO's own layout"
    files: str  # the files by which it is recognised, as a pattern: "annotations/*.json"
    recognises: Callable[[Folder], bool]  # whether a folder has these files; all readers share its listing
    read: Callable[[Path], Dataset]
    # Whether a file or the names of its folders describe it. Images with annotations beside them are taken for a
    # dataset only where nothing around them is described: they may be a part of it.
    described: bool = True
    # The suffix of annotation files of single images in the folder itself, of which it reports those that cannot be
    # read; empty where it has none.
    of_images: str = ""


class SplitFiles(NamedTuple):
    """The files of one split, as they are named in a YAML description of ours (`native`)."""

    annotations: tuple[Path, ...]
    images: Path | None  # the folder of the images; None where the description does not name one


@dataclass(frozen=True)
class Reader:
    """A dataset format."""

    files: tuple[DatasetFile, ...] = ()
    folders: tuple[DatasetFolder, ...] = ()
    # Reads what a YAML description of ours describes whose `format` is the name of this reader's module. It takes the
    # path of the description for messages, the files by split, and the classes in the order of their labels, or none
    # for the order of the reader.
    read_splits: Callable[[Path, Mapping[str, SplitFiles], Sequence[str]], Dataset] | None = None
    # Reads a dataset that is known by a name instead of a path: what follows the name of this reader's module and ":".
    read_named: Callable[[str], Dataset] | None = None
