"""Pickles as plain data: nothing that a pickle names is imported or called.

A pickle is a program for a machine with a stack; `pickletools` in Python's library describes its instructions. Here it
makes numbers, texts, lists, tuples and dictionaries. Where it calls something, a function that `read_pickle` is given
decides by the name what becomes of it. All other objects are `Foreign`, of which only the name is kept.
"""

import pickletools
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

MOST_INSTRUCTIONS = 2_000_000  # a state dictionary has 50 per tensor
IGNORED = ("PROTO", "FRAME", "STOP")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)


class Name(NamedTuple):
    """A function or a class, by its name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Foreign(NamedTuple):
    """An object that is not read; `kind` is the name of its class, or of the function that makes it."""

    kind: str


MARK = Foreign("mark")  # on the stack, below the values of a list, a tuple or a dictionary


def read_pickle(file: BinaryIO, call: Callable[[Name, tuple], Any], load: Callable[[Any], Any]) -> Any:
    """Return what the pickle at the position of `file` contains, and leave the file at its end.

    Entries of dictionaries whose keys are not texts are left out, and so are the attributes of objects.

    Args:
        file: open for reading.
        call: returns what a function or class makes of arguments, such as a `Foreign`.
        load: returns what an id stands for that points outside the pickle.

    Raises:
        ValueError: there is no pickle, or it is damaged, too long, or of another purpose.
    """
    machine, position = _Machine(call, load), 0
    try:
        for count, (instruction, argument, at) in enumerate(pickletools.genops(file)):
            position = at or 0
            if count > MOST_INSTRUCTIONS:
                raise ValueError(f"its pickle has more than {MOST_INSTRUCTIONS} instructions")
            machine.run(instruction.name, argument)
        return machine.pop()
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, struct.error):
        raise ValueError(f"its pickle is damaged at byte {position}") from None


class _Machine:
    """The stack and the memory of a pickle that is being read. Methods `do_` are instructions, by their names."""

    def __init__(self, call: Callable[[Name, tuple], Any], load: Callable[[Any], Any]):
        self.call, self.load = call, load
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:
        """Carry out the instruction of that name; ValueError where no state dictionary has such an instruction."""
        action = getattr(self, f"do_{name.lower()}", None)
        if name in VALUES or name in CONSTANTS:
            self.stack.append(CONSTANTS.get(name, argument))
        elif action:
            action(argument)
        elif name not in IGNORED:
            raise ValueError(f"its pickle has the instruction {name}, which is not used for tensors")

    def pop(self) -> Any:
        """Remove and return the top of the stack, which is not a mark."""
        value = self.stack.pop()
        if value is MARK:
            raise IndexError
        return value

    def pop_to_mark(self) -> list[Any]:
        """Remove the last mark and what lies above it; return that, the lowest first."""
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:
            place -= 1
            if place < 0:
                raise IndexError
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def make(self, function: Any, arguments: Any) -> None:
        """Push what `function` makes of `arguments`."""
        if not isinstance(arguments, tuple):
            raise TypeError
        if isinstance(function, Name):
            self.stack.append(self.call(function, arguments))
        elif isinstance(function, Foreign):  # what calls made; such as a function that another one returns
            self.stack.append(function)
        else:
            raise TypeError

    def extend(self, values: list[Any]) -> None:
        """Add values to the list on the top of the stack."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)
        elif not isinstance(self.stack[-1], Foreign):
            raise TypeError

    def update(self, values: list[Any]) -> None:
        """Add entries to the dictionary on the top of the stack: keys and values, in turn."""
        if len(values) % 2:
            raise IndexError
        pairs = zip(values[::2], values[1::2], strict=True)
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update((key, value) for key, value in pairs if isinstance(key, str))
        elif not isinstance(self.stack[-1], Foreign):
            raise TypeError

    # The stack and the memory

    def do_mark(self, _) -> None:
        self.stack.append(MARK)

    def do_pop(self, _) -> None:
        self.stack.pop()

    def do_pop_mark(self, _) -> None:
        self.pop_to_mark()

    def do_dup(self, _) -> None:
        self.stack.append(self.stack[-1])

    def do_put(self, number: int) -> None:
        self.memory[number] = self.stack[-1]

    def do_memoize(self, _) -> None:
        self.do_put(len(self.memory))

    def do_get(self, number: int) -> None:
        self.stack.append(self.memory[number])

    do_binput = do_long_binput = do_put
    do_binget = do_long_binget = do_get

    # Lists, tuples, dictionaries and sets

    def do_empty_list(self, _) -> None:
        self.stack.append([])

    def do_list(self, _) -> None:
        self.stack.append(self.pop_to_mark())

    def do_append(self, _) -> None:
        self.extend([self.pop()])

    def do_appends(self, _) -> None:
        self.extend(self.pop_to_mark())

    def do_empty_tuple(self, _) -> None:
        self.stack.append(())

    def do_tuple(self, _) -> None:
        self.stack.append(tuple(self.pop_to_mark()))

    def do_tuple1(self, _) -> None:
        self.stack.append((self.pop(),))

    def do_tuple2(self, _) -> None:
        last = self.pop()
        self.stack.append((self.pop(), last))

    def do_tuple3(self, _) -> None:
        last, middle = self.pop(), self.pop()
        self.stack.append((self.pop(), middle, last))

    def do_empty_dict(self, _) -> None:
        self.stack.append({})

    def do_dict(self, _) -> None:
        entries = self.pop_to_mark()
        self.stack.append({})
        self.update(entries)

    def do_setitem(self, _) -> None:
        value = self.pop()
        self.update([self.pop(), value])

    def do_setitems(self, _) -> None:
        self.update(self.pop_to_mark())

    def do_empty_set(self, _) -> None:
        self.stack.append(Foreign("set"))

    def do_additems(self, _) -> None:
        self.extend(self.pop_to_mark())

    def do_frozenset(self, _) -> None:
        self.pop_to_mark()
        self.stack.append(Foreign("frozenset"))

    # Names and calls

    def do_global(self, text: str) -> None:
        self.stack.append(Name(*text.split(" ", 1)))

    def do_stack_global(self, _) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError
        self.stack.append(Name(module, name))

    def do_ext1(self, number: int) -> None:
        self.stack.append(Foreign(f"extension {number}"))

    do_ext2 = do_ext4 = do_ext1

    def do_reduce(self, _) -> None:
        arguments = self.pop()
        self.make(self.pop(), arguments)

    do_newobj = do_reduce

    def do_newobj_ex(self, _) -> None:
        self.pop()  # arguments by name
        self.do_reduce(None)

    def do_inst(self, text: str) -> None:
        self.make(Name(*text.split(" ", 1)), tuple(self.pop_to_mark()))

    def do_obj(self, _) -> None:
        function, *arguments = self.pop_to_mark()
        self.make(function, tuple(arguments))

    def do_build(self, _) -> None:
        """Leave out the attributes of an object."""
        self.pop()

    def do_persid(self, identity: Any) -> None:
        self.stack.append(self.load(identity))

    def do_binpersid(self, _) -> None:
        self.stack.append(self.load(self.pop()))
