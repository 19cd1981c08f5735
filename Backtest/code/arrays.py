"""Operands as expressions of whole arrays, by which series of a strategy's own are computed."""

from __future__ import annotations

import re
from collections.abc import Callable

from Backtest.canonical import AnyOperand, Function, IndicatorRef, Math, Price, Value
from Backtest.code.expressions import LINE, call, number

PART = 34  # characters: two parts, a function and the indent have room on a line


class Arrays:
    """Writes an operand; `lines` compute those of its parts that are too long to stand in it.

    Args:
        name: of the variables that hold such parts, with a number behind it.
        read: gives the array of a price or an indicator, without its offset.
        helpers: takes the names of the helpers that are called.
    """

    def __init__(self, name: str, read: Callable[[Price | IndicatorRef], str], helpers: set[str]) -> None:
        self.name, self.read, self.helpers = name, read, helpers
        self.lines: list[str] = []
        self.count = 0

    def of(self, operand: AnyOperand) -> str:
        """Return the expression of an operand."""
        match operand:
            case Value():
                return number(operand.value)
            case Price() | IndicatorRef():
                text = self.read(operand)
                if not operand.offset:
                    return text
                self.helpers.add("earlier")
                return f"earlier({text}, {operand.offset})"
            case Function(name="abs"):
                return f"np.abs({self._held(self.of(operand.operands[0]))})"
            case Function():
                found = self.of(operand.operands[-1])
                for part in operand.operands[-2::-1]:
                    found = f"np.{operand.name}imum({self._held(self.of(part))}, {self._held(found)})"
                return found
            case Math(op="/"):
                self.helpers.add("quotient")
                return f"quotient({self._held(self.of(operand.left))}, {self._held(self.of(operand.right))})"
            case Math():
                return f"{self._part(operand.left)} {operand.op} {self._part(operand.right)}"
        raise TypeError(f"not an operand of prices and indicators: {operand!r}")

    def _part(self, operand: AnyOperand) -> str:
        """Return the expression of a part of an operand, in brackets where it needs them."""
        text = self.of(operand)
        if isinstance(operand, Math) and operand.op != "/" and len(text) < PART - 2:
            return f"({text})"
        return self._held(text)

    def _held(self, text: str) -> str:
        """Return a short expression as it is, and a variable that holds a long one."""
        if len(text) <= PART:
            return text
        self.count += 1
        variable = f"{self.name}_{self.count}"
        if 8 + len(variable) + 3 + len(text) <= LINE:
            self.lines.append(f"{variable} = {text}")
        elif found := re.fullmatch(r"([\w.]+\()(.*), ([^,]*)\)", text):
            self.lines += call(f"{variable} = {found[1]}", [found[2], found[3]], 8)
        else:
            self.lines += [f"{variable} = (", f"    {text}", ")"]
        return variable
