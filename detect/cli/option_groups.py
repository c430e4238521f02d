"""Options that several commands share, made from the groups in `detect.inference.options`."""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from detect.inference.options import grouped


def with_options(*groups: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command all options of some groups. It receives them, checked, as `**options`.

    Typer reads the signature of a command: that of the decorated one has a parameter for each field of the groups.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [one for one in inspect.signature(command).parameters.values() if one.kind is not one.VAR_KEYWORD]
        shared = [_parameter(group, field) for group in groups for field in fields(group)]
        names = [parameter.name for parameter in shared]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            from detect.config import as_option

            grouped({name: values[name] for name in names}, *groups, spelled=as_option)
            command(**values)

        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        return run

    return decorate


def _parameter(group: Any, field: "Field[Any]") -> inspect.Parameter:
    """Return the parameter for an option. A flag that is not set by default has no `--no-NAME`."""
    names = [f"--{field.name.replace('_', '-')}"] if field.default is False else []
    shown = field.metadata["shown"] or True
    option = typer.Option(*names, help=field.metadata["text"], show_default=shown, rich_help_panel=group.title)
    kind = Annotated[_typed(typing.get_type_hints(group)[field.name]), option]  # type: ignore[valid-type]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=kind)


def _typed(kind: Any) -> Any:
    """Return the type that typer converts an option to: text, where the field takes values of several types."""
    kinds = [one for one in typing.get_args(kind) if one is not type(None)]
    if not kinds:
        return kind
    if Path in kinds:
        return Path | None
    return kind if len(kinds) == 1 else str | None
