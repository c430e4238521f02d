"""Map COCO's category ids, any integers or texts, to labels 0..K-1 and back, with every decision put into words.

Roboflow writes its project as category 0 with supercategory "none" and gives it no boxes. Taken as a class, it would be
one that no model can learn.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detect.data.readers.assembly.ids import Key, key
from detect.errors import BadInput


@dataclass(frozen=True)
class CategoryMap:
    """The labels of the categories of one or more COCO files."""

    classes: tuple[str, ...]  # by label
    category_ids: tuple[Key, ...]  # by label
    labels: Mapping[str, Mapping[Any, int]]  # by file: category id -> label
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Category:
    """One entry of a file's `categories`."""

    id: Key
    name: str
    supercategory: str
    used: bool  # whether a box of the file has it


def parse_categories(entries: Any, used: Collection[Key], where: str) -> list[Category]:
    """Parse the `categories` of a COCO file.

    Args:
        entries: the value of `categories`.
        used: the category ids that boxes have.
        where: the file, for messages.

    Returns:
        The categories, ordered by id.

    Raises:
        BadInput: an id or a name is missing, or an id has two names.
    """
    if not isinstance(entries, list) or not entries:
        raise BadInput(f"{where}: expected a list of 'categories', found {type(entries).__name__} without any.")
    categories: dict[Key, Category] = {}
    for position, entry in enumerate(entries):
        entry = entry if isinstance(entry, dict) else {}
        number, name = key(entry.get("id")), _name(entry)
        if number is None or not name:
            raise BadInput(
                f"{where}: category {position} has no number or text as 'id', or no 'name': {entries[position]!r:.120}."
            )
        category = Category(number, name, str(entry.get("supercategory") or "none"), number in used)
        if categories.setdefault(number, category).name != name:
            raise BadInput(f"{where}: category id {number!r} is both {categories[number].name!r} and {name!r}.")
    return [categories[number] for number in sorted(categories, key=_order)]


def _name(entry: dict) -> str:
    name = entry.get("name")
    return str(name).strip() if isinstance(name, str | int | float) else ""


def _order(number: Key) -> tuple:
    """Return what ids are ordered by: numbers, then texts."""
    return isinstance(number, str), number


def map_categories(files: Mapping[str, Sequence[Category]], classes: Sequence[str] = ()) -> CategoryMap:
    """Give labels to the categories of all files. Categories of one name are one class.

    Args:
        files: the categories by file.
        classes: the classes in the order of their labels; where empty, the order is that of the category ids.

    Returns:
        The classes and their ids: of several ids of one name the first that has boxes, else the first.

    Raises:
        BadInput: no category has the name of one of `classes`.
    """
    notes: list[str] = []
    placeholders = _placeholders(files)
    names = list(classes)
    ids: dict[str, Category] = {}
    for categories in files.values():
        for category in categories:
            if category.id in placeholders or (classes and category.name not in names):
                continue
            if category.name not in names:
                names.append(category.name)
            if category.name not in ids or (category.used and not ids[category.name].used):
                ids[category.name] = category
    missing = [name for name in names if name not in ids]
    if missing or not names:
        known = sorted({category.name for categories in files.values() for category in categories})
        raise BadInput(f"{', '.join(files)}: no category is named {', '.join(missing)}. Known: {', '.join(known)}.")
    label_of = {name: label for label, name in enumerate(names)}
    labels = {
        file: {c.id: label_of[c.name] for c in categories if c.name in label_of and c.id not in placeholders}
        for file, categories in files.items()
    }
    notes += [
        f"category {number} {name!r} is left out: no box has it, and it only groups the others (Roboflow's placeholder)"
        for number, name in sorted(placeholders.items(), key=lambda item: _order(item[0]))
    ]
    notes += _describe(names, ids, labels)
    return CategoryMap(tuple(names), tuple(ids[name].id for name in names), labels, tuple(notes))


def _placeholders(files: Mapping[str, Sequence[Category]]) -> dict[Key, str]:
    """Return the ids and names of categories that only name the project: unused, and the supercategory of others."""
    everything = [category for categories in files.values() for category in categories]
    used = {category.id for category in everything if category.used}
    groups = {category.supercategory for category in everything}
    return {
        category.id: category.name
        for category in everything
        if category.supercategory == "none" and category.id not in used and category.name in groups
    }


def _describe(names: list[str], ids: Mapping[str, Category], labels: Mapping[str, Mapping[Key, int]]) -> list[str]:
    mapping = ", ".join(f"{ids[name].id} {name!r} -> {label}" for label, name in enumerate(names))
    notes = [f"category ids to labels: {mapping}"]
    for label, name in enumerate(names):
        stated = {number for mapping in labels.values() for number in mapping if mapping[number] == label}
        numbers = sorted(stated, key=_order)
        if len(numbers) > 1:
            same = " and ".join(map(str, numbers))
            notes.append(f"categories {same} are all named {name!r}: one class, written as {ids[name].id}")
    if len({frozenset(mapping.items()) for mapping in labels.values()}) > 1:
        notes.append(f"the files number their categories differently: matched by name ({', '.join(labels)})")
    return notes
