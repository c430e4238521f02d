"""The frames of videos as image files, without boxes."""

from pathlib import Path

from detect.inference.image_files import write_image
from detect.inference.result import Result
from detect.inference.writers.output_folder import OutputFolder
from detect.inference.writers.yolo_labels import frame_name

IMAGES = "images"


class FrameWriter:
    """Writes `FOLDER/images/NAME-000012.jpg` for each frame of a video that is read: the images of the label files."""

    def __init__(self, folder: OutputFolder):
        self.outputs = [folder.folder / IMAGES]
        self._folder = folder

    def __enter__(self) -> "FrameWriter":
        return self

    def write(self, result: Result) -> None:
        if result.frame.video is not None:
            write_image(self.path(result), result.image)

    def path(self, result: Result) -> Path:
        return self._folder.path(f"{IMAGES}/{frame_name(result)}.jpg", IMAGES, result.frame.source.name)

    def __exit__(self, kind, error, trace) -> None:
        pass
