"""Adding classes to a trained model without losing its own: `--keep-classes`. This does not need TensorFlow.

The run trains on the classes of the model and those of its dataset, matched by name. In the images of the dataset, only
its own classes were looked for; the model is the teacher for the others, see `detect.training.teachers.teacher`. The
validation split of the run that the model comes from is added to that of the dataset, so that the best model is the
best one for all classes.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from detect.data.dataset import Dataset, split, with_validation
from detect.data.merging import Source, merge_sources
from detect.data.problems import Problems
from detect.data.readers.description import open_dataset
from detect.data.records import Records
from detect.errors import BadInput, counted, listed
from detect.models.card import ModelCard, load_card, model_folder
from detect.training.run_folder import RunFolder
from detect.training.settings import TrainingSettings
from detect.training.several_runs import with_fold

LACKING = "the AP of the kept classes on their earlier validation images is not known"


def card_to_keep(settings: TrainingSettings) -> ModelCard:
    """Return the card of the model whose classes a run keeps.

    Raises:
        BadInput: `weights` is not the folder of a model, several machines train, or folds are wanted.
    """
    folder = model_folder(Path(settings.weights))
    if folder is None:
        raise BadInput(
            "--keep-classes needs the trained model whose classes are kept: give its run or model folder with "
            f"--weights; it is {settings.weights!r}."
        )
    if "TF_CONFIG" in os.environ:
        raise BadInput("--keep-classes works on one machine, but TF_CONFIG names several.")
    if settings.folds is not None:
        raise BadInput(
            "--folds scores on all images, in which the classes that --keep-classes keeps are not annotated: leave out "
            "--folds or --keep-classes."
        )
    return load_card(folder)


def require_new(card: ModelCard, dataset: Dataset) -> None:
    """Raise `BadInput` where a dataset has no class that the model does not have, and no class needs to be kept."""
    is_complete = all(records.looked_for is None for records in dataset.splits.values())
    if set(card.classes) == set(dataset.classes) and is_complete:
        raise BadInput(
            f"--keep-classes: {dataset.source} has the classes of the model, all of them annotated, and no other one: "
            "there is nothing to add or to keep. Leave out --keep-classes."
        )


def with_kept_classes(settings: TrainingSettings, dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Return the dataset with the classes of a trained model before its own, and sentences on what was added.

    Its validation split has the validation images of the run that the model comes from, where these can be opened.

    Args:
        settings: of the run; `weights` is the folder of the model.
        dataset: with a validation split.

    Raises:
        BadInput: as `card_to_keep` and `require_new`.
    """
    card = card_to_keep(settings)
    require_new(card, dataset)
    earlier, notes = earlier_validation(Path(settings.weights), card.classes)
    labels = Dataset(Path(), "", card.classes, card.category_ids, splits={}, problems={}, notes=())
    sources = [Source(each, each.classes) for each in (*earlier, dataset)]
    merged = merge_sources([Source(labels, ()), *sources], {})
    added = [name for name in dataset.classes if name not in card.classes]
    said = f"Kept classes: {listed(card.classes)}. New classes: {listed(added) or 'none'}."
    whole = replace(merged, notes=dataset.notes, refused=dataset.refused, given=dataset)
    notes += [*_differing_in_case(card.classes, added), *_trained_on(split(dataset, "train"), earlier)]
    return replace(whole, source=dataset.source, format=dataset.format), [said, *notes]


def _differing_in_case(kept: Sequence[str], added: Sequence[str]) -> list[str]:
    """Return a sentence on each added class whose name is that of a kept one but for upper and lower case."""
    known = {name.casefold(): name for name in kept}
    return [
        f"{name!r} of the dataset and {known[name.casefold()]!r} of the model are two classes, because upper and lower "
        "case differ. If they are one, give it the name of the model in the dataset."
        for name in added
        if name.casefold() in known
    ]


def earlier_validation(model: Path, classes: tuple[str, ...]) -> tuple[list[Dataset], list[str]]:
    """Return what a model was validated on, as datasets with this split alone, and a sentence on each.

    Args:
        model: its run or model folder.
        classes: that it has.
    """
    datasets, notes = [], []
    for card, settings in _earlier_models(model):
        dataset, note = _validated_on(card, settings, classes)
        notes.append(note)
        datasets += [dataset] if dataset else []
        if settings and settings.keep_classes and not model_folder(Path(settings.weights)):
            notes.append(f"{settings.weights}, whose classes the model kept, is not there: {LACKING}.")
    return datasets, notes


def _earlier_models(model: Path) -> Iterator[tuple[ModelCard, TrainingSettings | None]]:
    """Yield the card of a model and the settings of its run, if it is there; then those of the models it comes from."""
    folder = model_folder(model)
    if folder is None:
        return
    run = RunFolder(folder.parent)
    settings = run.settings() if run.config.exists() else None
    yield load_card(folder), settings
    if settings and settings.keep_classes:
        yield from _earlier_models(Path(settings.weights))


def _validated_on(
    card: ModelCard, settings: TrainingSettings | None, classes: tuple[str, ...]
) -> tuple[Dataset | None, str]:
    """Return the validation split of the dataset of a model, None where it is of no use, and a sentence about it.

    Args:
        card: of the model.
        settings: of its run, if it is known.
        classes: that are kept.
    """
    if not card.data:
        return None, f"The model does not say what it was trained on: {LACKING}."
    if card.fold and settings is None:
        return None, f"The model was validated on fold {card.fold} of {card.data}, and its run is not there: {LACKING}."
    try:
        opened = open_dataset(card.data)
        dataset = with_validation(with_fold(settings, opened) if settings else opened)
    except BadInput as error:
        return None, f"{card.data}, which the model was trained on, cannot be opened: {LACKING}. {error}"
    if not set(dataset.classes) <= set(classes):
        return None, f"{card.data} has other classes than when the model was trained on it: {LACKING}."
    records = split(dataset, "val")
    changed = "" if dataset.digest() == card.data_digest else " It has changed since the model was trained on it."
    problems = {"val": Problems(len(records), len(records.boxes))}
    alone = replace(dataset, splits={"val": records}, problems=problems, notes=(), refused={})
    images = counted(len(records), "image", "images")
    return alone, f"Validation also has the {images} that the model was validated on, of {card.data}.{changed}"


def _trained_on(records: Records, earlier: Sequence[Dataset]) -> list[str]:
    """Return a sentence where images of the earlier validation are among the training images `records`."""
    validated_on = {os.path.abspath(path) for dataset in earlier for path in _paths(split(dataset, "val"))}
    count = sum(os.path.abspath(path) in validated_on for path in _paths(records)) if validated_on else 0
    if not count:
        return []
    learnt = counted(count, "of these images is", "of these images are")
    return [f"{learnt} trained on now: AP after the run is higher than it would be otherwise."]


def _paths(records: Records) -> Iterator[str]:
    return (os.path.join(records.folder, path) for path in records.paths)
