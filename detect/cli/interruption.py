"""The end of a command by a signal: one line, which says what is kept, and exit code 130 for Ctrl-C."""

from typing import Any

from typer.core import TyperGroup

EXIT_CODE = 130


class Interrupted(Exception):
    """A signal has ended a command; the text says what is kept."""

    def __init__(self, text: str, exit_code: int = EXIT_CODE):
        super().__init__(text)
        self.exit_code = exit_code


class Commands(TyperGroup):
    """Raises `Interrupted` for Ctrl-C, which typer ends in another way in each version, some of them without a word.

    `EOFError`, which typer takes for the end of a dialogue, is raised as an error like all others.

    A command may have a name of two words, such as `export check` beside `export`.
    """

    def resolve_command(self, context: Any, words: list[str]) -> Any:
        both = " ".join(words[:2])
        return super().resolve_command(context, [both, *words[2:]] if both in self.commands else words)

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise Interrupted("Interrupted.") from None
        except EOFError as error:
            raise ValueError(f"a file ends too early. {error}".rstrip()) from error
