"""Options that commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from detect.cli.option_groups import with_options
from detect.errors import BadInput
from detect.inference.options import DrawingOptions, option


@dataclass(frozen=True)
class Several:
    """One option of each type."""

    title: ClassVar[str] = "Several"
    share: float | None = option("A share.", shown="all of it")
    pictures: bool = option("Pictures.", True)
    save: str | Path | None = option("A file.")
    which: str | int | None = option("A name or a number.")

    def check(self, spelled) -> None:
        if self.share == 2:
            raise BadInput(f"{spelled('share')}: not 2")


@pytest.fixture
def called():
    """A function that runs a command with some words, and returns what the command was given."""
    given: dict[str, Any] = {}

    @with_options(Several, DrawingOptions)
    def command(name: Annotated[str, typer.Argument()], **options: Any) -> None:
        given.update(name=name, **options)

    app = typer.Typer()
    app.command()(command)

    def call(*words: str) -> tuple[dict[str, Any], str]:
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        return given, done.output

    return call


def test_a_command_is_given_all_options_of_its_groups(called):
    usual = {"share": None, "pictures": True, "save": None, "which": None}
    drawing = {"line_width": None, "hide_labels": False, "hide_scores": False}
    assert called("a")[0] == {"name": "a", **usual, **drawing}
    given, _ = called("b", "--share", "0.5", "--no-pictures", "--save", "x", "--which", "7", "--hide-scores")
    assert given == {
        "name": "b", "share": 0.5, "pictures": False, "save": Path("x"), "which": "7", **drawing, "hide_scores": True,
    }  # fmt: skip


def test_options_are_checked_before_the_command_runs(called):
    with pytest.raises(BadInput, match="--share: not 2"):
        called("a", "--share", "2")


def test_help_has_the_text_of_each_option(called):
    _, text = called("--help")
    assert all(part in text for part in ("Several", "A share.", "all of it", "--no-pictures", "--hide-labels"))
    assert "--no-hide-labels" not in text
