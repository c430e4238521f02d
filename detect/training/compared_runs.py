"""What is to be compared: runs, those of one setting together, models, and results files of any program.

This does not need TensorFlow.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from detect.errors import BadInput
from detect.training.run_folder import RunFolder, flat
from detect.training.several_runs import SUMMARY

OF_ONE_SETTING = {"seed", "name", "runs"}  # settings in which runs of one setting differ


class Group(NamedTuple):
    """Runs of one setting; or one model or results file."""

    name: str
    members: tuple[str, ...]
    settings: Mapping[str, Any]  # flat; empty where they are not known

    @property
    def is_file(self) -> bool:
        """Whether it is a results file."""
        return is_results_file(self.members[0])


def is_results_file(name: str) -> bool:
    """Return whether what was given is a results file, and not a model."""
    return Path(name).suffix.lower() == ".json" and Path(name).is_file()


def groups(given: Sequence[str]) -> list[Group]:
    """Return what is to be compared, in the order in which it was given.

    Raises:
        BadInput: there are not two of them, or one is given twice, or is of folds.
    """
    names = [name for each in given for name in _runs_of(each)]
    if len(set(names)) < len(names):
        raise BadInput("One of the runs is given twice. Give each once.")
    found: list[Group] = []
    for name in names:
        settings = settings_of(name)
        row = next((row for row, each in enumerate(found) if _are_of_one_setting(each.settings, settings)), None)
        if row is None:
            found.append(Group(name, (name,), settings))
        else:
            found[row] = found[row]._replace(members=(*found[row].members, name))
    if len(found) < 2:
        raise BadInput(
            f"There is nothing to compare with {found[0].name}: all runs have its settings but for the seed. Give two "
            "runs of other settings, models, or results files."
        )
    short = [Path(each.name).name for each in found]
    return [
        each._replace(name=(name if short.count(name) == 1 else each.name) + _and_more(len(each.members) - 1))
        for each, name in zip(found, short, strict=True)
    ]


def _and_more(count: int) -> str:
    return f" and {count} more" if count else ""


def settings_of(name: str) -> dict[str, Any]:
    """Return the settings of a run, those of groups as `group.setting`; none where it is not a run."""
    path = RunFolder(Path(name)).config
    return flat(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def data_of(found: Sequence[Group]) -> str:
    """Return the dataset that all runs are of; BadInput where that is not one, or is not known."""
    sets = {each.settings.get("data") for each in found}
    data = sets.pop()
    if sets or data is None:
        raise BadInput("Which images they are compared on is not clear. Give a dataset: --data.")
    return str(data)


def differing_settings(found: Sequence[Group]) -> list[tuple[str, list[str]]]:
    """Return the settings that differ between the runs, with the value of each group as text."""
    known = [each for each in found if each.settings]
    keys = sorted({key for each in known for key in each.settings} - OF_ONE_SETTING)
    values = {key: [each.settings.get(key, "-") if each.settings else "-" for each in found] for key in keys}
    differing = {key: row for key, row in values.items() if len({str(each.settings.get(key)) for each in known}) > 1}
    return [(key, ["-" if value is None else str(value) for value in row]) for key, row in differing.items()]


def _runs_of(name: str) -> list[str]:
    """Return the folders of the runs in a folder of several; otherwise what was given."""
    summary = Path(name) / SUMMARY
    if not summary.is_file():
        return [str(name)]
    content = json.loads(summary.read_text("utf-8"))
    if content.get("kind") != "seeds":
        raise BadInput(f"{name} has the runs of a cross-validation, which are scored on different images each.")
    return [str(Path(name) / run["name"]) for run in content["runs"]]


def _are_of_one_setting(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    if not first or not second:
        return False
    own, other = ({key: value for key, value in each.items() if key not in OF_ONE_SETTING} for each in (first, second))
    return own == other
