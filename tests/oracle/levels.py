"""The levels of a unit: where they are set by the fill (step 5), and how they move at closes (step 10).

`long` is written in the comments; `sign` mirrors it for a short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.oracle import expressions
from tests.oracle.orders import Account, Bracket, Moment, Position, StopLine, TableRow, Target
from tests.oracle.prices import Bar, Side, at_least, at_most, same, sign, whole_units
from tests.oracle.strategy import BreakEven, Case, Distance, Risk, Stop, TargetTerms


def nearest(stops: Sequence[StopLine], side: Side, bar: int) -> StopLine | None:
    """Give the stop that counts during a bar: the nearest to the market of those in force (section 4, "Several stops")."""
    working = [line for line in stops if line.price is not None and line.works_from <= bar]
    return max(working, key=lambda line: sign(side) * (line.price or 0.0), default=None)


def table_row(table: Sequence[TableRow], bar: int) -> TableRow | None:
    """Give the row of a profit table that counts during a bar: of those that have begun, the one that began last."""
    return max((row for row in table if row.works_from <= bar), key=lambda row: row.works_from, default=None)


def bracket(
    case: Case,
    risk: Risk,
    side: Side,
    *,
    unit: str | None,
    base: float,
    size: int,
    signal_bar: int,
    fill_bar: int,
    close_only: bool,
) -> Bracket:
    """Compute the levels that a fill sets: distances from `base`, prices as they were at the signal's close."""
    stops = tuple(
        StopLine(stop.kind, _first_price(case, stop, side, base, signal_bar), fill_bar + stop.after_bars)
        for stop in risk.stops
    )
    first = initial_stop(stops, side, fill_bar)
    initial_risk = None if first is None else abs(base - first)
    return Bracket(
        unit=unit,
        base=base,
        fill_bar=fill_bar,
        close_only=close_only,
        initial_risk=initial_risk,
        stops=stops,
        targets=_targets(risk.targets, side, base, initial_risk, size),
        table=tuple(
            TableRow(price, fill_bar + row.after_bars)
            for row in risk.table
            if (price := _ahead(row.distance, side, base, initial_risk)) is not None
        ),
    )


def initial_stop(stops: Sequence[StopLine], side: Side, fill_bar: int) -> float | None:
    """Give the stop that R is measured to: the one in force at the fill, or else the nearest that comes into force later."""
    line = nearest(stops, side, fill_bar) or max(
        (line for line in stops if line.price is not None),
        key=lambda line: sign(side) * (line.price or 0.0),
        default=None,
    )
    return None if line is None else line.price


def risk_in_points(case: Case, risk: Risk, side: Side, price: float, signal_bar: int) -> float | None:
    """Give the distance from an order's own price down to its stop; None without a stop or with one on the wrong side."""
    stops = [
        StopLine(stop.kind, _first_price(case, stop, side, price, signal_bar), stop.after_bars) for stop in risk.stops
    ]
    stop = initial_stop(stops, side, 0)
    if stop is None:
        return None
    wrong = at_least(stop, price) if side == "long" else at_most(stop, price)
    return None if wrong else abs(price - stop)


def _first_price(case: Case, stop: Stop, side: Side, base: float, signal_bar: int) -> float | None:
    """Give where a stop begins. One that starts only after a gain has no price yet, and one at or below zero is left out."""
    if stop.start_after is not None:
        return None
    if stop.level is not None:
        price = expressions.price(stop.level, case.bars, signal_bar)
    elif stop.distance is not None:
        price = base - sign(side) * (_points(stop.distance, base, None) or 0.0)
    else:
        distance = _chandelier(case, stop, signal_bar)
        price = None if distance is None else base - sign(side) * distance
    return price if price is not None and price > 0 else None


def _chandelier(case: Case, stop: Stop, bar: int) -> float | None:
    if stop.chandelier_points is not None:
        return stop.chandelier_points
    if stop.chandelier_atr is None:
        raise ValueError(f"{stop} says neither a distance nor a level.")
    average = expressions.average_true_range(case.bars, bar, stop.chandelier_atr)
    return None if average is None else average * stop.chandelier_multiple


def _points(distance: Distance, base: float, initial_risk: float | None) -> float | None:
    """Give a distance in points; R without a stop has none."""
    match distance.unit:
        case "points":
            return distance.value
        case "percent":
            return base * distance.value / 100
        case "r":
            return None if initial_risk is None else distance.value * initial_risk


def _ahead(distance: Distance, side: Side, base: float, initial_risk: float | None) -> float | None:
    """Give the price that lies a distance ahead, or None where there is no R or the price is at or below zero."""
    points = _points(distance, base, initial_risk)
    price = None if points is None else base + sign(side) * points
    return price if price is not None and price > 0 else None


def _targets(
    terms: Sequence[TargetTerms], side: Side, base: float, initial_risk: float | None, size: int
) -> tuple[Target, ...]:
    """Set targets with portions: of the first size, rounded down; the last takes the rest where portions sum to 1."""
    complete = at_least(sum(1 if target.portion is None else target.portion for target in terms), 1)
    whole = len(terms) == 1 and terms[0].portion is None
    targets = []
    for number, target in enumerate(terms, start=1):
        takes_the_rest = target.portion is None or (complete and number == len(terms))
        targets.append(
            Target(
                name="target" if whole else f"target{number}",
                price=_ahead(target.distance, side, base, initial_risk),
                size=None if takes_the_rest else whole_units(size * (target.portion or 0.0)),
            )
        )
    return tuple(targets)


def shared(case: Case, position: Position, *, base: float, signal_bar: int, fill_bar: int, close_only: bool) -> Bracket:
    """Compute the one set of a position anew after an add. Held bars go on counting from the first fill; portions are of what is open now.

    From the last fill a stop only tightens, and from the average price it may loosen.
    """
    old = position.brackets[0] if position.brackets else None
    new = bracket(
        case,
        position.rule.risk,
        position.side,
        unit=None,
        base=base,
        size=position.size,
        signal_bar=signal_bar,
        fill_bar=position.since,
        close_only=close_only,
    )
    new = replace(new, fill_bar=fill_bar)
    if old is None or position.rule.adds is None or position.rule.adds.levels == "from_average":
        return new
    own = tuple(
        replace(line, price=_tighter(before.price, line.price, position.side))
        for before, line in zip(old.stops, new.stops, strict=False)
    )
    return replace(new, stops=own + old.stops[len(own) :], broke_even=old.broke_even)


def _tighter(price: float | None, other: float | None, side: Side) -> float | None:
    """Give the higher of two stops of a long; one that is missing does not count."""
    prices = [known for known in (price, other) if known is not None]
    return max(prices, key=lambda known: sign(side) * known, default=None)


def moved_at_close(case: Case, account: Account, moment: Moment) -> Account:
    """Move the levels of all units for the next bar: followed stops, then break-even, then what begins at the next open (step 1)."""
    position = account.position
    for number in range(0 if position is None else len(position.brackets)):
        account = _moved(case, account, moment, number)
    return account


def begun_next(account: Account, moment: Moment, number: int) -> Account:
    """Tell the levels of one bracket that begin to work at the next open: stops `after_bars` and rows of a profit table."""
    position, bar = account.position, moment.bar
    if position is None:
        return account
    now = position.brackets[number]
    stop, next_stop = (nearest(now.stops, position.side, at) for at in (bar, bar + 1))
    if next_stop is not None and not _at_one_price(stop, next_stop):
        account = account.tell(moment, "moved", stop=next_stop.price, reason="stop_active", unit=now.unit)
    row, next_row = table_row(now.table, bar), table_row(now.table, bar + 1)
    if next_row is not None and row is not next_row:
        account = account.tell(moment, "moved", target=next_row.price, reason="profit_table", unit=now.unit)
    return account


def _moved(case: Case, account: Account, moment: Moment, number: int) -> Account:
    """Move the levels of one bracket: its extreme first, since followed stops and break-even ask for it."""
    position = account.position
    if position is None:
        return account
    risk, side = position.rule.risk, position.side
    now = _with_extreme(position.brackets[number], case.bars[moment.bar], moment, side)
    followed = tuple(
        replace(line, price=_tighter(line.price, _followed_to(case, stop, now, side, moment), side))
        for stop, line in zip(risk.stops, now.stops, strict=False)
    )
    followed += now.stops[len(followed) :]
    account = _with_stops(account, moment, number, now, followed, "followed")
    rule = risk.break_even
    if rule is None or now.broke_even:
        return begun_next(account, moment, number)
    if _is_ahead(now, rule, side):
        line = StopLine("break_even", now.base + sign(side) * rule.offset, moment.bar)
        now = replace(now, stops=followed, broke_even=True)
        account = _with_stops(account, moment, number, now, (*followed, line), "break_even")
    return begun_next(account, moment, number)


def _with_extreme(now: Bracket, bar: Bar, moment: Moment, side: Side) -> Bracket:
    """Take this bar into the favourable extreme since the fill (section 1)."""
    best = bar.high if side == "long" else bar.low
    reached = bar.close if now.close_only and now.fill_bar == moment.bar else best
    if now.extreme is not None:
        reached = max(now.extreme, reached, key=lambda price: sign(side) * price)
    return replace(now, extreme=reached)


def _is_ahead(now: Bracket, rule: BreakEven, side: Side) -> bool:
    """Say whether the condition of break-even is met: a target filled, or a gain reached."""
    if rule.target is not None:
        return rule.target <= len(now.targets) and now.targets[rule.target - 1].filled
    return rule.after is not None and _has_gained(now, rule.after, side)


def _with_stops(
    account: Account, moment: Moment, number: int, now: Bracket, stops: tuple[StopLine, ...], why: str
) -> Account:
    """Give a bracket other stops, and tell it where the one that counts has moved."""
    position = account.position
    assert position is not None
    before, after = (nearest(lines, position.side, moment.bar) for lines in (now.stops, stops))
    now = replace(now, stops=stops)
    brackets = (*position.brackets[:number], now, *position.brackets[number + 1 :])
    account = replace(account, position=replace(position, brackets=brackets))
    if after is None or _at_one_price(before, after):
        return account
    reason = after.kind if why == "followed" else why
    return account.tell(moment, "moved", stop=after.price, reason=reason, unit=now.unit)


def _at_one_price(line: StopLine | None, other: StopLine | None) -> bool:
    """Say whether two stops are at one price; an average of equal prices may differ from them in its last digit."""
    if line is None or other is None or line.price is None or other.price is None:
        return line is other
    return same(line.price, other.price)


def _followed_to(case: Case, stop: Stop, now: Bracket, side: Side, moment: Moment) -> float | None:
    """Give where a followed stop would be by this close, or None where it does not follow (yet)."""
    if stop.kind == "trailing_stop" and stop.distance is not None:
        close = case.bars[moment.bar].close
        price = close - sign(side) * (_points(stop.distance, close, None) or 0.0)
    elif stop.kind != "followed" or now.extreme is None or not _started(now, stop, side):
        return None
    elif stop.level is not None:
        price = expressions.price(stop.level, case.bars, moment.bar) or 0.0
    else:
        distance = _chandelier(case, stop, moment.bar)
        price = 0.0 if distance is None else now.extreme - sign(side) * distance
    return price if price > 0 else None


def _started(now: Bracket, stop: Stop, side: Side) -> bool:
    return stop.start_after is None or _has_gained(now, stop.start_after, side)


def _has_gained(now: Bracket, distance: Distance, side: Side) -> bool:
    """Say whether the favourable extreme since the fill has reached a distance ahead of the base."""
    level = _ahead(distance, side, now.base, now.initial_risk)
    if level is None or now.extreme is None:
        return False
    return at_least(now.extreme, level) if side == "long" else at_most(now.extreme, level)
