"""Write a dataset in another format."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from detect.data.dataset import Dataset, check_losses
from detect.data.pixels.headers import SUFFIXES, is_image_name
from detect.data.pixels.pillow_files import opened
from detect.data.records import Records
from detect.data.regular_files import open_regular
from detect.data.texts import Texts
from detect.data.tolerance import MAX_LOST
from detect.data.writers import writers
from detect.data.writers.unique_names import portable, unique_names
from detect.data.writers.writer import Job, Writer
from detect.errors import BadInput, did_you_mean
from detect.new_folder import new_folder, require_new

_EXAMPLES = 3
NOT_READ = "masks, key points, attributes and licences, if the dataset has any, are not read and not written"


@dataclass(frozen=True)
class Written:
    """A dataset that was written, and its losses."""

    folder: Path
    format: str  # in words
    splits: Mapping[str, tuple[int, int]]  # numbers of images and boxes
    losses: tuple[str, ...]  # what the format has no place for, with counts
    notes: tuple[str, ...]  # what else was decided


def convert(
    dataset: Dataset,
    to: str,
    folder: str | Path,
    copies: bool = False,
    max_lost: float = MAX_LOST,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Written:
    """Write all splits of a dataset, annotations and images, into a new folder, as `detect data convert` does.

    Of annotations, what `Records` hold is written: boxes, labels, ids, what is to be ignored, and areas of masks.
    Images keep their names, and their folders below the one that all images of a split have in common. A name gets a
    number where two would be alike, and other letters where systems do not allow its own.

    Args:
        dataset: what to write, as `open_dataset` returns it.
        to: the format: coco, csv, tfrecord, voc or yolo.
        folder: where to write it; it is missing or empty.
        copies: copy the images. Otherwise they are second names of the same files (hard links) where the file system
            can do that, and take no space.
        max_lost: share of the images or boxes of a split that may be unusable, 0-1.
        progress: called after each image with the number of images that are written, and of all.

    Returns:
        What was written, and what the format has no place for.

    Raises:
        BadInput: the format is unknown, the folder is not empty, or more than `max_lost` of the dataset is unusable.
        RunFailure: an image cannot be read any more, or the folder cannot be written. Nothing is left of it.
    """
    require_target(to, folder)
    require_usable(dataset, max_lost)
    writer = writers()[to]
    ready, notes = _named(dataset, writer)
    total = sum(map(len, dataset.splits.values()))
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    with new_folder(Path(folder)) as new:
        job = Job(_fitted(ready, writer), new, copies, step)
        writer.write(job)
    remarks = [f"{what} ({count})" for what, count in job.remarks.items() if count]
    sizes = {split: (len(records), len(records.boxes)) for split, records in job.dataset.splits.items()}
    return Written(Path(folder), writer.title, sizes, tuple(writer.losses(dataset)), (*notes, *remarks, NOT_READ))


def require_target(to: str, folder: str | Path) -> None:
    """Raise BadInput where the format `to` is unknown, or `folder` is neither missing nor empty."""
    if to not in writers():
        raise BadInput(f"{to!r} is not a format that datasets are written in. {did_you_mean(to, writers())}")
    require_new(Path(folder))


def require_usable(dataset: Dataset, max_lost: float) -> None:
    """Raise BadInput where more than `max_lost` (0-1) of the images or boxes of a split are lost, or all of one."""
    for split in dataset.problems:
        check_losses(dataset, split, max_lost)
    if dataset.refused and max_lost < 1:
        reasons = " ".join(f"The split {split!r} cannot be used. {why}" for split, why in dataset.refused.items())
        raise BadInput(f"{dataset.source}: {reasons} Correct it, or leave such splits out: `max_lost` 1.")


def _fitted(dataset: Dataset, writer: Writer) -> Dataset:
    return replace(dataset, splits={split: writer.fitted(records) for split, records in dataset.splits.items()})


def _named(dataset: Dataset, writer: Writer) -> tuple[Dataset, list[str]]:
    """Return the dataset with names for all copies of images, and a note where they are other names."""
    usual = [records.copy_names() for records in dataset.splits.values()]
    allowed = [_allowed(records, names) for records, names in zip(dataset.splits.values(), usual, strict=True)]
    unique = functools.partial(unique_names, by_stem=writer.by_stem)
    names = unique(allowed) if writer.one_folder else [unique([group])[0] for group in allowed]
    splits = {
        split: replace(records, names=own) for (split, records), own in zip(dataset.splits.items(), names, strict=True)
    }
    return replace(dataset, splits=splits), _renamed(usual, names)


def _renamed(before: Sequence[Texts], after: Sequence[Texts]) -> list[str]:
    """Return a note on the images whose copies have other names; none where all have their own."""
    count, examples = 0, []
    for old, new in zip(chain(*before), chain(*after), strict=True):
        if old != new:
            count += 1
            examples += [f"{new!r} for {old!r}"] if count <= _EXAMPLES else []
    why = "two names were alike, or not allowed on other systems"
    return [f"images are renamed, because {why} ({count}): {', '.join(examples)}"] if count else []


def _allowed(records: Records, names: Texts) -> Texts:
    return Texts(_with_suffix(portable(name), records, row) for row, name in enumerate(names))


def _with_suffix(name: str, records: Records, row: int) -> str:
    """Return a name with a suffix of images, by which most readers know them; that of the content where it has none."""
    if is_image_name(name):
        return name
    path = records.image_path(row)
    try:
        with open_regular(path) as file, opened(file, str(path)) as image:
            suffix = f".{image.format or ''}".lower()
    except OSError as error:
        raise BadInput(f"{path}: the image cannot be read: {error.strerror}.") from None
    return name + (suffix if suffix in SUFFIXES else ".png")
