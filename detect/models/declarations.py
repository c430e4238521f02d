"""Names and numbers that the files of models declare, read from their source: importing one imports TensorFlow."""

import ast
import functools
import pkgutil
from typing import Any, Literal


@functools.cache
def rows(module: str) -> tuple[str, ...]:
    """Return the names of the rows in the table VARIANTS of a module; none where it has no such table."""
    if b"\nVARIANTS" not in _source(module):
        return ()
    table = _assigned(_statements(module))["VARIANTS"]
    assert isinstance(table, ast.Dict)
    return tuple(ast.literal_eval(key) for key in table.keys if key)


def constants(module: str) -> dict[str, Any]:
    """Return the constants that the classes in a module assign, by name."""
    assigned = [item for kind in _classes(module) for item in _assigned(kind.body).items()]
    return {name: value.value for name, value in assigned if isinstance(value, ast.Constant)}


def setting_types(module: str) -> dict[str, Any]:
    """Return the types of the settings that the classes of settings in a module add to those of their bases."""
    bodies = [kind.body for kind in _classes(module) if kind.name.endswith("Config")]
    fields = [node for body in bodies for node in body if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): eval(ast.unparse(node.annotation), {"Literal": Literal}) for node in fields}


def _assigned(body: list[ast.stmt]) -> dict[str, ast.expr | None]:
    """Return what the statements of a module or a class assign, by name."""
    plain = {ast.unparse(node.targets[0]): node.value for node in body if isinstance(node, ast.Assign)}
    return plain | {ast.unparse(node.target): node.value for node in body if isinstance(node, ast.AnnAssign)}


def _classes(module: str) -> list[ast.ClassDef]:
    return [node for node in _statements(module) if isinstance(node, ast.ClassDef)]


@functools.cache
def _statements(module: str) -> list[ast.stmt]:
    return ast.parse(_source(module)).body


def _source(module: str) -> bytes:
    return pkgutil.get_data(__package__, f"{module}.py") or b""
