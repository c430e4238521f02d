"""Crops of the detected objects, each in a file of its own."""

import re

from detect.inference.image_files import write_image
from detect.inference.result import Result
from detect.inference.writers.output_folder import OutputFolder
from detect.inference.writers.yolo_labels import frame_name

_CROPS = "crops"


class CropWriter:
    """Writes `FOLDER/crops/CLASS/NAME-1.jpg`, `-2` and so on, best score first."""

    def __init__(self, folder: OutputFolder):
        self.outputs = [folder.folder / _CROPS]
        self._folder = folder

    def __enter__(self) -> "CropWriter":
        return self

    def write(self, result: Result) -> None:
        source = result.frame.source.name
        self._folder.renew(_CROPS, source)
        for number, (name, crop) in enumerate(zip(result.names, result.crops(), strict=True), start=1):
            file = f"{_CROPS}/{_file_name(name)}/{frame_name(result)}-{number}.jpg"
            write_image(self._folder.path(file, _CROPS, source), crop)

    def __exit__(self, kind, error, trace) -> None:
        pass


def _file_name(text: str) -> str:
    """Return the name of a class without characters that some file system does not allow."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "_", text).strip(" .") or "_"
