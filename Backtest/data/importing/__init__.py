"""Prices out of files as vendors export them: what is understood is shown, what decides prices is never guessed."""

from Backtest.data.importing.limited import ReadingLimits, read_each_limited, read_limited
from Backtest.data.importing.reading import read_file
from Backtest.data.importing.shown import shown_bar
from Backtest.data.importing.symbols import EACH
from Backtest.data.importing.understanding import FileQuestion, ImportChoices, UnderstoodFile

__all__ = [
    "EACH",
    "FileQuestion",
    "ImportChoices",
    "ReadingLimits",
    "UnderstoodFile",
    "read_each_limited",
    "read_file",
    "read_limited",
    "shown_bar",
]  # fmt: skip
