"""The data that a run began with, and how it differs from what a resumed run is given."""

from collections.abc import Callable, Iterator

from detect.config import Settings, read_json, to_json
from detect.data.dataset import Dataset
from detect.errors import BadInput, counted, listed
from detect.files import write_text
from detect.training.run_folder import RunFolder


class SplitState(Settings):
    """The annotated images of a split."""

    images: int
    """Number of images."""
    boxes: int
    """Number of boxes."""
    digest: str
    """SHA-256 of the names and the sizes of the images and of their boxes, see `Records.digest`."""


class DataState(Settings):
    """The data of a run: `data.json` in its folder."""

    classes: tuple[str, ...]
    """Names of the classes, by label."""
    splits: dict[str, SplitState]
    """The splits that the run uses, by name."""

    def save(self, folder: RunFolder) -> None:
        """Write it to the folder of a run. Raises `RunFailure` where that is not possible."""
        write_text(folder.data, to_json(self))


def state_of(dataset: Dataset) -> DataState:
    """Return the state of the dataset of a run, which has the splits `train` and `val`."""
    splits = {name: dataset.splits[name] for name in ("train", "val")}
    return DataState(
        classes=dataset.classes,
        splits={
            name: SplitState(images=len(records), boxes=len(records.boxes), digest=records.digest().hex())
            for name, records in splits.items()
        },
    )


def require_same_data(folder: RunFolder, now: DataState, is_allowed: bool, say: Callable[[str], None]) -> None:
    """Compare the data of a run that is resumed with that which it began with.

    Args:
        folder: of the run; one of an earlier version does not say what its data was.
        now: the data that is given now.
        is_allowed: whether it may differ; what differs is then said.
        say: shows a line to the user.

    Raises:
        BadInput: it differs, and that is not allowed.
    """
    if not folder.data.exists():
        return
    found = list(changes(read_json(DataState, folder.data), now))
    if not found:
        return
    changed = f"The data is not that which {folder.path} began with: {'; '.join(found)}."
    if not is_allowed:
        raise BadInput(
            f"{changed} Restore it, start anew under another --name, or go on with what there is now with "
            "--set allow_changed_data=true."
        )
    say(f"Warning: {changed} The run goes on with what there is now.")
    now.save(folder)


def changes(before: DataState, now: DataState) -> Iterator[str]:
    """Yield what differs between two states of the data of a run, in words."""
    if before.classes != now.classes:
        yield f"the classes were {listed(before.classes)}, and are {listed(now.classes)}"
    for name, old in before.splits.items():
        new = now.splits[name]
        if (old.images, old.boxes) != (new.images, new.boxes):
            yield f"{name} had {_described(old)}, and has {_described(new)}"
        elif old.digest != new.digest:
            yield f"{name} has as many images and boxes as before, but other names, sizes or boxes"


def _described(split: SplitState) -> str:
    return f"{counted(split.images, 'image', 'images')} with {counted(split.boxes, 'box', 'boxes')}"
