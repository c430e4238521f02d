"""Settings: frozen typed objects, owned by the code that reads them; reading, writing and changing them.

Every settings class of the project derives from `Settings`. A value comes from the class's default, then from a
JSON file of an earlier run, then from dotted overrides (`optimizer.learning_rate=0.01`). An unknown name is an error
that suggests the nearest known one. The string literal below a field describes it: for the reader of the source, in
`docs/settings.md` and in the API reference.
"""

import json
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pydantic
import yaml

from detect.errors import BadInput, did_you_mean
from detect.terminal import shortened

_LONGEST_VALUE = 80  # characters of a value that are shown in errors
# What pydantic adds to the place of a value: that it is a key, or the type that it has tried of several.
_TRIED = re.compile(r"\[key\]|str|int|float|bool|constrained-\w+|[\w-]+\[.*\]")
# What is expected, by the type of pydantic's error; for others, its message says it.
_EXPECTED = MappingProxyType(
    {
        "dict_type": "names and values",
        "model_type": "names and values",
        "string_type": "text",
        "string_too_short": "text",
        "too_short": "one entry or more",
        "tuple_type": "a list",
    }
)


class Settings(pydantic.BaseModel):
    """A frozen group of named, typed values. Unknown names are refused, values are checked against their types."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), use_attribute_docstrings=True
    )


S = TypeVar("S", bound=Settings)


def description(kind: type[Settings], name: str) -> str:
    """Return what the source says below field `name`; empty where neither `kind` nor a parent describes it.

    A subclass that only changes the default of a field keeps the description of its parent.
    """
    for owner in kind.__mro__:
        field = getattr(owner, "model_fields", {}).get(name)
        if field and field.description:
            return field.description
    return ""


def to_json(settings: Settings) -> str:
    """Return all values as indented JSON, which `from_json` reads back."""
    return settings.model_dump_json(indent=2) + "\n"


def from_json(kind: type[S], text: str, where: str) -> S:
    """Return the settings that `to_json` wrote.

    Args:
        kind: the settings class.
        text: the JSON text.
        where: name of the file, for errors.

    Raises:
        BadInput: the text is not JSON, or its names and values do not fit `kind`.
    """
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"{where} is not JSON: {error}. Restore the file or remove it.") from None
    except ValueError:  # Python refuses to convert it
        raise BadInput(
            f"{where} has a number of more digits than any setting. Restore the file or remove it."
        ) from None
    return build(kind, values, where)


def read_json(kind: type[S], path: Path, way_on: str = "Restore the file or remove it.") -> S:
    """Return the settings in a file that `to_json` wrote.

    Args:
        kind: the settings class.
        path: the file.
        way_on: what to do where it cannot be read.

    Raises:
        BadInput: it cannot be read, or its names and values do not fit `kind`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}. {way_on}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} cannot be read: it is damaged. {way_on}") from None
    return from_json(kind, text, str(path))


def build(kind: type[S], values: dict[str, Any], where: str, spelled: Callable[[str], str] = str) -> S:
    """Return the settings of class `kind` with the given values.

    Args:
        kind: the settings class.
        values: by name of the field.
        where: who gave the values, for errors.
        spelled: returns how errors spell the dotted name of a setting.

    Raises:
        BadInput: some names or values do not fit; all of them are named.
    """
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as error:
        raise BadInput(f"{where}: {'; '.join(_explain(kind, error.errors(), spelled))}") from None


def as_option(name: str) -> str:
    """Return how the command line spells the setting `name`."""
    return f"--{name.replace('_', '-')}"


def override(settings: S, assignments: Iterable[str], where: str = "--set") -> S:
    """Return a copy changed by texts `key=value`: dotted keys, values in YAML (`true`, `0.1`, `[1, 2]`, `{a: 1}`).

    See `change` for what a value does, and for errors.
    """
    return change(settings, [_parse(assignment, where) for assignment in assignments], where)


def change(settings: S, changes: Iterable[tuple[str, Any]], where: str) -> S:
    """Return a copy with some values changed, one after the other.

    A mapping is merged into the mapping or the group of settings that is there, at any depth. Every other value, a list
    too, replaces what is there.

    Args:
        settings: the original, which stays as it is.
        changes: dotted keys, such as `optimizer.learning_rate`, with their new values.
        where: who wants the changes, for errors.

    Raises:
        BadInput: a key is unknown, or a value does not fit.
    """
    values = settings.model_dump()
    for key, value in changes:
        _assign(type(settings), values, key, value, where)
    return build(type(settings), values, where)


def _refuse_constant(name: str) -> float:
    raise json.JSONDecodeError(f"{name} is not a number of JSON", name, 0)


def _parse(assignment: str, where: str) -> tuple[str, Any]:
    key, equals, text = assignment.partition("=")
    key = key.strip()
    if not equals:
        raise BadInput(f"{where}: expected key=value, got {assignment!r}.")
    try:
        return key, yaml.safe_load(text)
    except Exception:  # for some texts, PyYAML raises whatever Python does
        shown = shortened(text, _LONGEST_VALUE)
        raise BadInput(f"{where}: the value of {key!r} is not readable as YAML: {shown!r}.") from None


def _assign(kind: type[Settings] | None, values: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Set the dotted `key` in nested `values`. Inside a free mapping (kind None) every name is allowed."""
    root = kind
    *groups, name = key.split(".")
    for depth, group in enumerate(groups, 1):
        _check_known(kind, root, ".".join(groups[:depth]), where)
        kind = kind and _settings_of(kind, group)
        if values.get(group) is None:  # an optional group that gets its first value
            values[group] = {}
        values = values[group]
        if not isinstance(values, dict):
            raise BadInput(f"{where}: {'.'.join(groups[:depth])!r} is a single value, not a group of settings.")
    _check_known(kind, root, key, where)
    values[name] = _merged(values.get(name), value)


def _merged(old: Any, new: Any) -> Any:
    """Return `new`; of two mappings, the old one with the entries of the new one merged in."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}


def _check_known(kind: type[Settings] | None, root: type[Settings] | None, key: str, where: str) -> None:
    """Raise `BadInput` where group `kind`, which `key` leads to from `root`, has no setting of its last name."""
    if kind and root and key.rpartition(".")[2] not in kind.model_fields:
        raise BadInput(f"{where}: {_unknown(root, kind, key)}")


def _unknown(root: type[Settings], kind: type[Settings], key: str) -> str:
    """Return a sentence about a name that group `kind` does not have: another group may have it, or in full."""
    name = key.rpartition(".")[2]
    meant = [other for other in _keys(root) if name in (last := other.rpartition(".")[2], _initials(last))]
    advice = f"Did you mean {' or '.join(map(repr, meant))}?" if meant else did_you_mean(name, kind.model_fields)
    return f"unknown setting {key!r}. {advice}"


def _keys(kind: type[Settings], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all settings."""
    for name in kind.model_fields:
        inner = _settings_of(kind, name)
        yield from _keys(inner, f"{prefix}{name}.") if inner else (prefix + name,)


def _initials(name: str) -> str:
    """Return `lr` for `learning_rate`; an empty text for a single word."""
    return "".join(word[0] for word in name.split("_")) if "_" in name else ""


def _settings_of(kind: type[Settings], name: str) -> type[Settings] | None:
    """Return the settings class of field `name`, which may be optional; None where the field is of another type."""
    annotation = kind.model_fields[name].annotation
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Settings):
            return candidate
    return None


def _explain(kind: type[Settings], problems: Sequence[Any], spelled: Callable[[str], str]) -> Iterator[str]:
    """Yield what is wrong with each value: one that may have several types is a problem of pydantic's for each."""
    by_place: dict[tuple[str, ...], list[Any]] = {}
    for problem in problems:
        place = tuple(str(part) for part in problem["loc"] if not _TRIED.fullmatch(str(part)))
        by_place.setdefault(place, []).append(problem)
    return (_sentence(kind, place, same, spelled) for place, same in by_place.items())


def _sentence(
    kind: type[Settings], place: Sequence[str], problems: Sequence[Any], spelled: Callable[[str], str]
) -> str:
    key, problem = spelled(".".join(place)), problems[0]
    found = shortened(repr(problem["input"]), _LONGEST_VALUE)
    if not place:
        return f"expected named values, got {found}"
    if problem["type"] == "missing":
        return f"{key!r} is missing"
    if problem["type"] == "extra_forbidden":
        return _unknown(kind, _group_at(kind, place[:-1]), ".".join(place))
    expected = list(filter(None, map(_expected, problems)))
    return f"{key}: expected {' or '.join(expected)}, got {found}" if expected else f"{key} = {found}: {problem['msg']}"


def _expected(problem: Any) -> str:
    """Return what the value should be; empty where pydantic says it in other words."""
    stated = re.match("(?:Input should be|Value error, expected) (.*)", problem["msg"])
    number = "a number " if problem["type"].startswith(("greater", "less")) else ""
    return _EXPECTED.get(problem["type"]) or (number + stated[1] if stated else "")


def _group_at(kind: type[Settings], place: Sequence[str]) -> type[Settings]:
    """Return the settings class at a place: names of settings, and between them keys of mappings."""
    for group in place:
        kind = (_settings_of(kind, group) if group in kind.model_fields else None) or kind
    return kind
