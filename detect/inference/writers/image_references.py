"""Where other programs find the images of results: files that are given, and frames that this run writes as files."""

from collections.abc import Sequence
from pathlib import Path

from detect.errors import BadInput
from detect.inference.result import Result
from detect.inference.sources.frames import Source
from detect.inference.writers.frame_files import FrameWriter


class ImageReferences:
    """Returns the file of the image of a result.

    Attributes:
        root: the folder that all of these files are in.
    """

    def __init__(self, sources: Sequence[Source], frames: FrameWriter | None, wanted_by: str):
        """
        Args:
            sources: all sources of the run.
            frames: writes the frames of videos; None: nobody does.
            wanted_by: names the files that refer to images, for errors.

        Raises:
            BadInput: an image is in no file.
        """
        self._frames = frames
        for source in sources:
            if source.kind != "image" and frames is None:
                raise BadInput(
                    f"{source.shown}: {wanted_by} refer to images, and frames of a video are in no file. Give "
                    "--save-frames (in Python, save_frames=True) too."
                )
            if source.kind == "image" and not source.is_image_file:
                raise BadInput(f"{source.shown}: {wanted_by} refer to files. Save the image, and give its file.")
        folders = [Path(source.address).absolute().parent for source in sources if source.kind == "image"]
        if frames is not None and any(source.kind != "image" for source in sources):
            folders += [path.absolute() for path in frames.outputs]
        self.root = _common(folders)

    def path(self, result: Result) -> Path:
        """Return the absolute path of the image of a result."""
        if result.frame.video is not None and self._frames is not None:
            return self._frames.path(result).absolute()
        return Path(result.frame.source.address).absolute()


def _common(folders: Sequence[Path]) -> Path:
    """Return the deepest folder that all of them are in."""
    first = folders[0]
    return next(folder for folder in (first, *first.parents) if all(folder in (one, *one.parents) for one in folders))
