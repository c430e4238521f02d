"""The images of a dataset as sources, and its ids for a results file, which can then be scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detect.data.dataset import Dataset, scored_split
from detect.data.image_names import ImageNames
from detect.data.readers.description import open_dataset
from detect.data.records import Records
from detect.errors import BadInput
from detect.inference.sources.frames import Source
from detect.inference.writers.coco_results import ResultIds


@dataclass(frozen=True)
class AnnotatedSplit:
    """Part of a dataset, whose ids the results get."""

    name: str  # for messages
    records: Records
    categories: dict[str, int | str]  # id by class name

    @property
    def paths(self) -> list[Path]:
        """The image files."""
        return [self.records.image_path(row) for row in range(len(self.records))]

    def ids(self, sources: Sequence[Source], classes: Sequence[str], note: Callable[[str], None]) -> ResultIds:
        """Return the ids of sources and classes.

        Args:
            sources: files of images in the dataset.
            classes: names of the model's classes, by label; those that the dataset does not have get no id.
            note: called with a sentence about such classes.

        Raises:
            BadInput: a source is not an image of the dataset, or the dataset has none of the classes.
        """
        missing = [name for name in classes if name not in self.categories]
        if len(missing) == len(classes):
            raise BadInput(f"{self.name} has none of the model's classes ({', '.join(classes)}). Leave out --data.")
        if missing:
            note(f"Classes that {self.name} does not have are left out of the results file: {', '.join(missing)}.")
        names = ImageNames([str(path) for path in self.paths])
        images = {source.name: self.records.image_ids[self._row(source, names)].item() for source in sources}
        return ResultIds(images, [self.categories.get(name) for name in classes])

    def _row(self, source: Source, names: ImageNames) -> int:
        rows = names.find(str(Path(source.address).absolute())) or names.find(source.file_name or "")
        if source.kind == "image" and len(rows) == 1:
            return rows[0]
        what = "several images" if rows else "not an image"
        raise BadInput(f"{source.shown} is {what} of {self.name}. Give images of it, another split, or no --data.")


def open_split(data: str | Path | Dataset, split: str = "val") -> AnnotatedSplit:
    """Open a dataset to detect objects in its images, or in some of them.

    Args:
        data: anything that `open_dataset` takes.
        split: `train`, `val`, `test`, or any other name that the dataset has for a split; a single file has only one.

    Raises:
        BadInput: the dataset cannot be read, or does not have the split.
    """
    dataset, records = scored_split(open_dataset(data), split)
    categories = dict(zip(dataset.classes, dataset.category_ids, strict=True))
    return AnnotatedSplit(f"the split {split!r} of {dataset.source}", records, categories)
