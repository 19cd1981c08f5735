"""One script in two languages: Pine Script, and the Python of PyneCore, in which tests run it.

Expressions are alike in both but for choices (`a ? b : c`); statements differ in how they begin and end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Dialect(ABC):
    """How statements are written. A line is without its indentation."""

    null: str
    nothing: str  # a number that is not there, where it is given to one that is kept
    true: str
    false: str

    @abstractmethod
    def series(self, name: str, expression: str) -> str:
        """Return a statement that names a value of this bar, whose earlier values can be asked for by `name[1]`."""

    @abstractmethod
    def kept(self, name: str, value: str) -> str:
        """Return a statement that begins a number which keeps its value from bar to bar."""

    @abstractmethod
    def change(self, name: str, expression: str) -> str:
        """Return a statement that gives a kept number another value."""

    @abstractmethod
    def either(self, condition: str, one: str, other: str) -> str:
        """Return the expression that is one thing where a condition holds, and else the other."""

    @abstractmethod
    def when(self, condition: str, lines: list[str]) -> list[str]:
        """Return the lines of a choice."""

    @abstractmethod
    def otherwise(self, first: list[str], condition: str, lines: list[str]) -> list[str]:
        """Return `first`, a choice, with one that is looked at where it does not hold."""

    @abstractmethod
    def script(self, head: list[str], settings: dict[str, str], title: str, body: list[str]) -> str:
        """Return the whole script."""


class Pine(Dialect):
    """Pine Script v6."""

    null, nothing, true, false = "na", "na", "true", "false"

    def series(self, name: str, expression: str) -> str:
        return f"{name} = {expression}"

    def kept(self, name: str, value: str) -> str:
        return f"var float {name} = {value}"

    def change(self, name: str, expression: str) -> str:
        return f"{name} := {expression}"

    def either(self, condition: str, one: str, other: str) -> str:
        return f"({condition} ? {one} : {other})"

    def when(self, condition: str, lines: list[str]) -> list[str]:
        return [f"if {condition}", *(f"    {line}" for line in lines)]

    def otherwise(self, first: list[str], condition: str, lines: list[str]) -> list[str]:
        return [*first, *([f"else if {condition}"] if condition else ["else"]), *(f"    {line}" for line in lines)]

    def script(self, head: list[str], settings: dict[str, str], title: str, body: list[str]) -> str:
        given = ", ".join(f"{name} = {value}" for name, value in settings.items())
        return "\n".join(
            ["//@version=6", *(f"// {line}".rstrip() for line in head), f'strategy("{title}", {given})', "", *body, ""]
        )


class Pyne(Dialect):
    """PyneCore's Python, of which a test makes a module."""

    null, nothing, true, false = "na", "NA(float)", "True", "False"

    def series(self, name: str, expression: str) -> str:
        return f"{name}: Series[float] = {expression}"

    def kept(self, name: str, value: str) -> str:
        return f"{name}: Persistent[float] = {'NA(float)' if value == 'na' else value}"

    def change(self, name: str, expression: str) -> str:
        return f"{name} = {expression}"

    def either(self, condition: str, one: str, other: str) -> str:
        return f"({_nothing(one)} if {condition} else {_nothing(other)})"

    def when(self, condition: str, lines: list[str]) -> list[str]:
        return [f"if {condition}:", *(f"    {line}" for line in lines)]

    def otherwise(self, first: list[str], condition: str, lines: list[str]) -> list[str]:
        return [*first, *([f"elif {condition}:"] if condition else ["else:"]), *(f"    {line}" for line in lines)]

    def script(self, head: list[str], settings: dict[str, str], title: str, body: list[str]) -> str:
        given = ", ".join(
            f"{name}={value.replace('true', 'True').replace('false', 'False')}" for name, value in settings.items()
        )
        names = "bar_index, close, dayofweek, high, hour, hl2, hlc3, low, math, minute, na, nz, open, script, strategy, syminfo, ta, time, volume"
        return "\n".join(
            [
                '"""\n@pyne\n"""', "from pynecore.types import NA, Persistent, Series", f"from pynecore.lib import {names}", "",
                f'@script.strategy("{title}", {given})', "def main():", *(f"    {line}" for line in body), "",
            ]
        )  # fmt: skip


def _nothing(expression: str) -> str:
    return "NA(float)" if expression == "na" else expression
