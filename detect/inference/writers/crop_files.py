"""Crops of the detected objects, each in a file of its own."""

import re
from collections.abc import Sequence
from itertools import count

from detect.inference.image_files import write_image
from detect.inference.result import Result
from detect.inference.writers.output_folder import OutputFolder
from detect.inference.writers.yolo_labels import frame_name

_CROPS = "crops"


class CropWriter:
    """Writes `FOLDER/crops/CLASS/NAME-1.jpg`, `-2` and so on, best score first."""

    def __init__(self, folder: OutputFolder, classes: Sequence[str]):
        self._folders = _folders(classes)
        self.outputs = [folder.folder / _CROPS]
        self._folder = folder

    def __enter__(self) -> "CropWriter":
        return self

    def write(self, result: Result) -> None:
        source = result.frame.source.name
        self._folder.renew(_CROPS, source)
        for number, (name, crop) in enumerate(zip(result.names, result.crops(), strict=True), start=1):
            file = f"{_CROPS}/{self._folders[name]}/{frame_name(result)}-{number}.jpg"
            write_image(self._folder.path(file, _CROPS, source), crop)

    def __exit__(self, kind, error, trace) -> None:
        pass


def _folders(classes: Sequence[str]) -> dict[str, str]:
    """Return a folder of its own for each class, even where case is ignored: `a/b` is in `a_b`, `a:b` in `a_b-2`."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for name in classes:
        choices = (f"{_file_name(name)}{f'-{number}' if number > 1 else ''}" for number in count(1))
        folders[name] = next(choice for choice in choices if choice.casefold() not in taken)
        taken.add(folders[name].casefold())
    return folders


def _file_name(text: str) -> str:
    """Return the name of a class without characters that some file system does not allow."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "_", text).strip(" .") or "_"
