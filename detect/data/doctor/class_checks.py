"""Classes that cannot be learned or scored, or that may be one class."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from detect.data.doctor.columns import boxes_by_class
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject
from detect.data.doctor.found_examples import class_examples
from detect.errors import listed

_FEW_BOXES = 20  # of a class
_IMBALANCE = 100  # boxes of the most frequent class per box of the rarest
_OTHER_SHARE = 0.1  # difference between the shares of a class in two splits
_ENOUGH_BOXES = 100  # of a split, to speak of shares
_LONG_NAME = 6  # letters: shorter names often differ in one letter only, such as "car" and "cat"


def _classes_without_boxes(subject: Subject) -> Iterator[Found]:
    classes = subject.dataset.classes
    for split, records in subject.dataset.splits.items():
        boxes = boxes_by_class(records, len(classes))
        none = [name for name, count in zip(classes, boxes, strict=True) if count == 0]
        if none and boxes.any():
            verb = "learned" if split == "train" else "scored"
            yield Found(split, len(none), f"no boxes of {listed(none)}, which cannot be {verb}")


def _rare_classes(subject: Subject) -> Iterator[Found]:
    boxes = _boxes_to_learn_from(subject)
    few = np.flatnonzero((boxes > 0) & (boxes < _FEW_BOXES)).tolist()
    if few:
        names = [f"{subject.dataset.classes[label]} ({boxes[label]})" for label in few]
        what = f"fewer than {_FEW_BOXES} boxes of {listed(names)}"
        yield Found("train", len(few), what, class_examples(subject.dataset, few))


def _imbalance(subject: Subject) -> Iterator[Found]:
    boxes = _boxes_to_learn_from(subject)
    if boxes.any() and boxes.max() > _IMBALANCE * boxes[boxes > 0].min():
        most, least = int(boxes.argmax()), int(np.where(boxes, boxes, np.inf).argmin())
        names = subject.dataset.classes
        yield Found("train", 2, f"{boxes[most]} boxes of {names[most]} and {boxes[least]} of {names[least]}")


def _other_shares(subject: Subject) -> Iterator[Found]:
    train = _boxes_to_learn_from(subject)
    for split, records in subject.dataset.splits.items():
        boxes = boxes_by_class(records, len(train))
        if split == "train" or min(train.sum(), boxes.sum()) < _ENOUGH_BOXES:
            continue
        ours, theirs = train / train.sum(), boxes / boxes.sum()
        rows = np.flatnonzero(np.abs(ours - theirs) > _OTHER_SHARE)
        names = [f"{subject.dataset.classes[row]} ({ours[row]:.0%} and {theirs[row]:.0%})" for row in rows]
        if names:
            yield Found(f"train, {split}", len(names), f"the shares of classes among the boxes differ: {listed(names)}")


def _boxes_to_learn_from(subject: Subject) -> np.ndarray:
    """Return the number of boxes of each class in the split "train", int64 [K]; zeros where there is none."""
    dataset = subject.dataset
    train = dataset.splits.get("train")
    return np.zeros(len(dataset.classes), int) if train is None else boxes_by_class(train, len(dataset.classes))


def _same_names(subject: Subject) -> Iterator[Found]:
    for group in sorted(_alike(subject.dataset.classes, _word_forms)):
        yield _named(subject, group, "differ only in case, spaces or number")


def _similar_names(subject: Subject) -> Iterator[Found]:
    classes = subject.dataset.classes
    for group in sorted(_alike(classes, _one_letter_less) - _alike(classes, _word_forms)):
        yield _named(subject, group, "differ in one letter")


def _named(subject: Subject, group: Sequence[str], how: str) -> Found:
    what = f"the names of classes {listed(list(map(repr, group)))} {how}"
    examples = class_examples(subject.dataset, list(map(subject.dataset.classes.index, group)))
    return Found(", ".join(subject.dataset.splits), len(group), what, examples)


def _alike(classes: Sequence[str], keys: Callable[[str], set[str]]) -> set[tuple[str, ...]]:
    """Return the groups of names that have a key in common."""
    owners = defaultdict(list)
    for name in classes:
        for key in keys(name):
            owners[key].append(name)
    return {tuple(names) for names in owners.values() if len(names) > 1}


def _word_forms(name: str) -> set[str]:
    """Return a name without case and separators, and what it may be the plural of."""
    plain = _plain(name)
    return {plain, plain.removesuffix("s"), plain.removesuffix("es")}


def _one_letter_less(name: str) -> set[str]:
    """Return a name, and without each one of its letters: two names that differ in one letter have one in common.

    Digits are not left out, as they tell names such as "limit 30" and "limit 50" from each other.
    """
    plain = _plain(name)
    if len(plain) < _LONG_NAME:
        return set()
    return {plain} | {plain[:place] + plain[place + 1 :] for place, letter in enumerate(plain) if letter.isalpha()}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _numbers_as_names(subject: Subject) -> Iterator[Found]:
    classes = subject.dataset.classes
    if all(re.fullmatch(r"(class|label|category)?[ _-]?\d+", name.casefold()) for name in classes):
        yield Found(", ".join(subject.dataset.splits), len(classes), f"the classes are called {listed(list(classes))}")


CHECKS = (
    Check(
        "classes-without-boxes",
        Severity.WARNING,
        "classes that have no box in a split",
        "Check whether these are classes of the dataset, and whether the split is large enough to have them.",
        _classes_without_boxes,
    ),
    Check(
        "rare-classes",
        Severity.WARNING,
        f"classes with fewer than {_FEW_BOXES} boxes to learn from",
        "Expect low scores for them, and add images of them.",
        _rare_classes,
    ),
    Check(
        "imbalance",
        Severity.WARNING,
        f"a class with more than {_IMBALANCE} times as many boxes as another one",
        "Look at the scores of each class, not only at their mean.",
        _imbalance,
    ),
    Check(
        "other-shares",
        Severity.NOTE,
        f"classes whose share of the boxes differs by more than {_OTHER_SHARE:.0%} between `train` and another split",
        "Divide the images anew, as detect data split does, unless the splits are meant to differ.",
        _other_shares,
    ),
    Check(
        "same-class-names",
        Severity.WARNING,
        "names of classes that differ only in case, spaces, hyphens, or a plural s",
        "If they are one class, merge them: each counts as wrong where the other is true.",
        _same_names,
    ),
    Check(
        "similar-class-names",
        Severity.NOTE,
        f"names of classes with {_LONG_NAME} letters or more that differ in one of them",
        "If one is misspelt, merge the classes.",
        _similar_names,
    ),
    Check(
        "numbers-as-names",
        Severity.NOTE,
        "classes that are called by numbers only",
        "Name them where the format has names: drawings, scores and exports show these.",
        _numbers_as_names,
    ),
)
