"""What a case says: its strategy, as dataclasses. The vocabulary is that of cases.yaml, which explains it at its head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.oracle.prices import Bar, Side

OrderType = Literal["market", "limit", "stop", "stop_limit"]
StopKind = Literal["stop", "followed", "trailing_stop", "break_even"]
Shared = Literal["per_unit", "from_last", "from_average"]
Path = Literal["worst", "best", "high_first", "low_first", "nearest"]


@dataclass(frozen=True, eq=False)
class Distance:
    """How far a level lies from a price: in points, in percent of that price, or in R (the initial risk of the unit)."""

    unit: Literal["points", "percent", "r"]
    value: float


@dataclass(frozen=True, eq=False)
class Size:
    unit: Literal["units", "percent_of_equity", "risk_percent"]
    value: float


@dataclass(frozen=True, eq=False)
class OrderTerms:
    """What an entry rule sends: `price` and `limit` are expressions; `life_bars` and `life_session` bound its life."""

    type: OrderType = "market"
    at_close: bool = False
    price: str | None = None
    limit: str | None = None
    life_bars: int | None = None
    life_session: bool = False


@dataclass(frozen=True, eq=False)
class Stop:
    """One stop of a rule. Exactly one of `distance`, `level` and `chandelier_points`/`chandelier_atr` says where it is.

    `level` is an expression, read once at the signal; with the kind "followed" it is read again at each close.
    """

    kind: StopKind
    distance: Distance | None = None
    level: str | None = None
    chandelier_points: float | None = None
    chandelier_atr: int | None = None
    chandelier_multiple: float = 1.0
    after_bars: int = 0
    start_after: Distance | None = None


@dataclass(frozen=True, eq=False)
class TargetTerms:
    distance: Distance
    portion: float | None


@dataclass(frozen=True, eq=False)
class TableTerms:
    after_bars: int
    distance: Distance


@dataclass(frozen=True, eq=False)
class BreakEven:
    """When the stop goes to the entry price plus `offset` points: after a gain, or after the target of that number (from 1)."""

    after: Distance | None
    target: int | None
    offset: float


@dataclass(frozen=True, eq=False)
class Risk:
    stops: tuple[Stop, ...] = ()
    targets: tuple[TargetTerms, ...] = ()
    table: tuple[TableTerms, ...] = ()
    break_even: BreakEven | None = None
    max_bars: int | None = None


@dataclass(frozen=True, eq=False)
class Adds:
    """How a position grows: by a condition (`when`), or at a level `points` from the last fill (`order_type`)."""

    when: str | None
    order_type: Literal["limit", "stop"] | None
    points: float
    size: Size
    max_units: int
    levels: Shared


@dataclass(frozen=True, eq=False)
class EntryRule:
    id: str
    side: Side
    when: str
    order: OrderTerms
    size: Size
    oco: str | None
    risk: Risk
    adds: Adds | None


@dataclass(frozen=True, eq=False)
class ExitRule:
    """`entries` are the ids of the entries whose positions it closes; None means those of its side."""

    id: str
    side: Side
    when: str
    portion: float
    at_close: bool
    entries: tuple[str, ...] | None
    repeat: bool

    def closes_those_of(self, entry: EntryRule) -> bool:
        return self.side == entry.side and (self.entries is None or entry.id in self.entries)


@dataclass(frozen=True, eq=False)
class Strategy:
    """`commission` and `spread` are fractions of the price; `tick` is in points."""

    entries: tuple[EntryRule, ...]
    exits: tuple[ExitRule, ...] = ()
    session_exit: int | None = None
    cooldown_bars: int = 0
    through: bool = False
    tick: float = 0.01
    path: Path = "worst"
    commission: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True, eq=False)
class Case:
    """What is traded: a strategy on bars. `sessions` lists the numbers of the bars of each session, where a rule asks for sessions."""

    strategy: Strategy
    bars: tuple[Bar, ...]
    sessions: tuple[tuple[int, ...], ...] = ()

    def session_of(self, bar: int) -> tuple[int, ...]:
        for session in self.sessions:
            if bar in session:
                return session
        raise ValueError(f"Bar {bar} is of no session, and a rule asks for it.")
