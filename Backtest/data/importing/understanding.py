"""What a user chooses about a file, what was understood of it, and what has to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from Backtest.data.prices import PriceData
from Backtest.errors import DataError, Diagnostic
from Backtest.market import Timeframe

DateOrder = Literal["", "dmy", "mdy", "ymd"]
EpochUnit = Literal["", "s", "ms", "us", "ns", "excel"]
Adjustment = Literal["", "adjusted", "none"]
Nonpositive = Literal["", "drop"]
Duplicates = Literal["", "first", "last", "refuse"]
Decimal = Literal["", ".", ","]
_KINDS = {
    "date_order": DateOrder, "epoch_unit": EpochUnit, "decimal": Decimal, "adjustment": Adjustment, "nonpositive": Nonpositive,
    "duplicates": Duplicates, "timeframe": Literal["", Timeframe],
}  # fmt: skip


@dataclass(frozen=True)
class ImportChoices:
    """What a user says about a file; an empty value leaves it to the importer.

    `columns` names the file's columns in their order, separated by commas, such as
    "time,open,high,low,close,volume"; a name that is no part of a bar ("-") skips a column.

    Raises:
        DataError: a choice has a value it cannot have.
    """

    symbol: str = ""
    timeframe: str = ""
    date_order: DateOrder = ""
    epoch_unit: EpochUnit = ""
    decimal: Decimal = ""
    timezone: str = ""
    symbol_in_file: str = ""
    sheet: str = ""
    columns: str = ""
    adjustment: Adjustment = ""
    nonpositive: Nonpositive = ""
    duplicates: Duplicates = ""

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            given, known = getattr(self, name), get_args(kind)
            if given not in known:
                shown = ", ".join(value for value in known if value)
                raise DataError(f"There is no {name} {str(given)[:40]!r}: there are {shown}")


@dataclass(frozen=True)
class FileQuestion:
    """Something a file leaves open. `field` is the field of ImportChoices that answers it.

    A blocking question decides prices or their times, so the file is not stored before it is
    answered; the others say what was assumed.
    """

    field: str
    text: str
    choices: tuple[str, ...] = ()
    blocking: bool = True

    def as_dict(self) -> dict[str, Any]:
        return {"field": self.field, "text": self.text, "choices": list(self.choices), "blocking": self.blocking}


@dataclass
class Findings:
    """What the steps of reading a file add to: questions, remarks and counts of rows."""

    questions: list[FileQuestion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, rows: int, note: str = "") -> None:
        """Add rows to a count, and a warning that says so; no row is dropped without it."""
        if rows:
            self.counts[name] = self.counts.get(name, 0) + rows
            if note:
                self.warnings.append(note)

    @property
    def blocked(self) -> bool:
        return any(question.blocking for question in self.questions)


@dataclass(frozen=True)
class UnderstoodFile:
    """What was understood of a file.

    `prices` is None while a blocking question is open. `columns` maps the parts of a bar to the
    names the file gives them. `first_rows` and `last_rows` are bars as they would be stored, or
    the file's own rows while a question is open. `counts` are rows of the file: read, blank,
    footer, unfinished, missing_price, nonpositive, duplicate, conflicting_duplicate, widened.
    """

    filename: str
    kind: str
    vendor: str
    encoding: str
    separator: str
    decimal: str
    header_rows: int
    columns: Mapping[str, str]
    ignored_columns: tuple[str, ...]
    symbols: tuple[str, ...]
    symbol: str
    timeframe: str
    timezone: str
    date_order: str
    epoch_unit: str
    adjustment: str
    counts: Mapping[str, int]
    first_rows: tuple[Mapping[str, Any], ...]
    last_rows: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    questions: tuple[FileQuestion, ...]
    prices: PriceData | None

    @property
    def blocking(self) -> tuple[FileQuestion, ...]:
        return tuple(question for question in self.questions if question.blocking)

    def require(self) -> PriceData:
        """Return the prices. DataError with the open questions while there are any."""
        if self.prices is not None:
            return self.prices
        asked = self.blocking
        raise DataError(
            f"{self.filename} can be read in more than one way: {asked[0].text}",
            details=[
                Diagnostic("error", "file_unclear", question.field, question.text, _remedy(question))
                for question in asked
            ],
            questions=[question.text for question in asked],
            suggestions=[_remedy(question) for question in asked],
        )


def _remedy(question: FileQuestion) -> str:
    if not question.choices:
        return f"Give {question.field}"
    shown = " or ".join(f"{question.field}={choice}" for choice in question.choices[:8])
    return f"Give {shown}"
