"""What fills at a price, in which order, and what each fill does at once (sections 2 A, 2 B and 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.oracle import levels
from tests.oracle.book import entry_price, size_at_fill, size_when_placed, traded
from tests.oracle.orders import Account, Bracket, Moment, Order, Position, StopLine, TableRow, Target, Unit
from tests.oracle.prices import at_least, at_most, closes, same, sign
from tests.oracle.strategy import Case, EntryRule, Size

MOST_FILLS = 10_000


@dataclass(frozen=True)
class Waiting:
    """Something that a price may fill.

    It is reached at `trigger`, and when the price has just come there it is filled at `level`; the two differ only for limits that must be traded through.
    `rises` says that it is reached by a rising price, `rank` puts what is reached at one price in order.
    """

    what: Order | StopLine | Target | TableRow
    bracket: Bracket | None
    rises: bool
    trigger: float
    level: float
    rank: tuple[int, ...]

    def reached(self, price: float) -> bool:
        if isinstance(self.what, Order) and self.what.type == "market":
            return True
        return at_least(price, self.trigger) if self.rises else at_most(price, self.trigger)


def waiting(case: Case, account: Account, moment: Moment) -> list[Waiting]:
    """List what waits, in the order in which it is filled at one price (section 5): rule exits, stops, targets, entries and adds."""
    position = account.position
    found = [_order(case, order, moment) for order in account.orders]
    for number, bracket in enumerate(() if position is None else position.brackets):
        found += _protection(case, position, bracket, number, moment.bar)
    return sorted(found, key=lambda item: item.rank)


def settle(case: Case, account: Account, moment: Moment) -> Account:
    """Fill all that the price has reached, one after the other; what a fill sets may be reached at the same price, at once (step 5)."""
    for _ in range(MOST_FILLS):
        reached = next((item for item in waiting(case, account, moment) if item.reached(moment.price)), None)
        if reached is None:
            return account
        account = _fill(case, account, moment, reached)
    raise RuntimeError(f"Orders follow each other without end at {moment}.")


def _order(case: Case, order: Order, moment: Moment) -> Waiting:
    kind = "limit" if order.triggered else order.type
    level = (order.limit if order.triggered else order.price) or 0.0
    rises = (order.trade == "buy") == (kind != "limit")
    if order.role == "exit":
        rank: tuple[int, ...] = (0, order.number)
    elif moment.at == "open":  # steps 3 and 4: entries in the strategy's order, then adds
        rank = (3, 1 if order.role == "add" else 0, order.listed, order.number)
    else:  # step 6: in the order placed
        rank = (3, order.number)
    trigger = _through(case, level, rises=rises) if kind == "limit" else level
    return Waiting(order, None, rises, trigger, level, rank)


def _protection(case: Case, position: Position | None, bracket: Bracket, number: int, bar: int) -> list[Waiting]:
    """List the stop and the targets of a bracket that still have something to close; older units come first."""
    if position is None or position.unit_size(bracket.unit) == 0:
        return []
    ahead = position.side == "long"
    found = []
    stop = levels.nearest(bracket.stops, position.side, bar)
    if stop is not None and stop.price is not None:
        found.append(Waiting(stop, bracket, not ahead, stop.price, stop.price, (1, number)))
    for place, target in enumerate(bracket.targets):
        if target.price is not None and not target.filled and target.size != 0:
            trigger = _through(case, target.price, rises=ahead)
            found.append(Waiting(target, bracket, ahead, trigger, target.price, (2, number, place)))
    row = levels.table_row(bracket.table, bar)
    if row is not None:
        trigger = _through(case, row.price, rises=ahead)
        found.append(Waiting(row, bracket, ahead, trigger, row.price, (2, number, len(bracket.targets))))
    return found


def _through(case: Case, level: float, *, rises: bool) -> float:
    """Give the price that fills a limit: its own, or with `limit_fill: through` one tick beyond it (section 4, "Limit")."""
    if not case.strategy.through:
        return level
    return level + case.strategy.tick if rises else level - case.strategy.tick


def _fill(case: Case, account: Account, moment: Moment, item: Waiting) -> Account:
    arrived = moment.at == "within" and same(moment.price, item.trigger)
    price = item.level if arrived else moment.price  # passed already, or at the open: the price of the moment
    what, bracket, position = item.what, item.bracket, account.position
    if isinstance(what, Order):
        if what.role != "exit":
            return _reach(case, account, moment, what, price)
        assert position is not None
        size = position.size if what.size is None else min(what.size, position.size)
        account = account.without_order(what)
        return close(case, account, moment, price, size, name=what.name, reason=what.reason)
    assert bracket is not None
    assert position is not None
    size, unit = position.unit_size(bracket.unit), bracket.unit
    if isinstance(what, StopLine):
        return close(case, account, moment, price, size, name="stop", reason=what.kind, unit=unit)
    if isinstance(what, TableRow):
        return close(case, account, moment, price, size, name="target", reason="target", unit=unit)
    taken = size if what.size is None else min(what.size, size)
    account = _marked_filled(account, bracket, what)
    return close(case, account, moment, price, taken, name=what.name, reason="target", unit=unit)


def _marked_filled(account: Account, bracket: Bracket, target: Target) -> Account:
    assert account.position is not None
    targets = tuple(replace(other, filled=True) if other is target else other for other in bracket.targets)
    brackets = tuple(
        replace(other, targets=targets) if other is bracket else other for other in account.position.brackets
    )
    return replace(account, position=replace(account.position, brackets=brackets))


def close(
    case: Case,
    account: Account,
    moment: Moment,
    price: float,
    size: int,
    *,
    name: str,
    reason: str,
    unit: str | None = None,
) -> Account:
    """Close so many units, the oldest first (FIFO), of one unit or of all. What was held by a unit that is gone goes with it."""
    position = account.position
    assert position is not None
    trade, only = closes(position.side), position.units[0].name if len(position.units) == 1 else None
    account = replace(account, cash=traded(case.strategy, account, trade, size, price))
    account = account.tell(
        moment, "filled", order=name, side=trade, price=price, size=size, reason=reason, unit=unit or only
    )
    left, units = size, []
    for held in position.units:
        taken = min(left, held.size) if unit in (None, held.name) else 0
        left -= taken
        if held.size > taken:
            units.append(replace(held, size=held.size - taken))
    if not units:
        return _closed(replace(account, position=None, last_exit_bar=moment.bar), moment)
    names = {None, *(held.name for held in units)}
    brackets = tuple(bracket for bracket in position.brackets if bracket.unit in names)
    return replace(account, position=replace(position, units=tuple(units), brackets=brackets))


def _closed(account: Account, moment: Moment) -> Account:
    """Cancel what can only act on a position (step 4). Levels of adds vanish with it and are not told."""
    for order in account.orders:
        if order.role == "entry":
            continue
        silent = order.role == "add" and order.type != "market"
        account = account.without_order(order) if silent else account.cancel(moment, order, "position_closed")
    return account


def _reach(case: Case, account: Account, moment: Moment, order: Order, price: float) -> Account:
    """Fill an entry or add, or trigger a stop-limit whose limit does not allow the price: it rests as a limit from here on."""
    limit = order.limit
    if order.type == "stop_limit" and not order.triggered and limit is not None:
        allowed = at_most(price, limit) if order.trade == "buy" else at_least(price, limit)
        if not allowed:
            resting = replace(order, triggered=True)
            orders = tuple(resting if other is order else other for other in account.orders)
            return replace(account, orders=orders).tell(moment, "triggered", order=order.name, limit=limit)
    return enter(case, account, moment, order, price)


def enter(case: Case, account: Account, moment: Moment, order: Order, price: float) -> Account:
    """Buy a unit (or sell it short) and do at once what follows from it (step 5). An entry of the other side closes the position first."""
    rule, before, position = order.rule, account, account.position
    assert rule is not None
    if position is not None and position.side != rule.side:
        account = close(case, account, moment, price, position.size, name=order.name, reason="reverse")
        position = None
    paid = entry_price(case.strategy, order, price)
    size = size_at_fill(case.strategy, account, order, _size(order, rule), paid)
    if size < 1:
        return before.cancel(moment, order, "no_cash")
    if position is None:
        position = Position(rule, since=moment.bar)
    unit = Unit(f"u{position.bought + 1}", paid, size, size)
    account = account.without_order(order)
    account = replace(
        account,
        cash=traded(case.strategy, account, order.trade, size, paid),
        position=replace(position, units=(*position.units, unit), bought=position.bought + 1, last_fill=paid),
    )
    account = account.tell(
        moment,
        "filled",
        order=order.name,
        side=order.trade,
        price=paid,
        size=size,
        reason=order.role,
        unit=unit.name,
    )
    if order.role == "entry":
        account = _cancel_others(account, moment, rule)
    account = _set_levels(case, account, moment, order, unit, paid)
    return _set_next_add(case, account, moment, order)


def _size(order: Order, rule: EntryRule) -> Size:
    return rule.adds.size if order.role == "add" and rule.adds is not None else rule.size


def _cancel_others(account: Account, moment: Moment, rule: EntryRule) -> Account:
    """Cancel the partners of a filled entry, then the other entries of its side, in the strategy's order; the other side stays."""
    for order in sorted(account.orders, key=lambda order: order.listed):
        other = order.rule
        if order.role != "entry" or other is None:
            continue
        if rule.oco is not None and other.oco == rule.oco:
            account = account.cancel(moment, order, "oco")
        elif other.side == rule.side:
            account = account.cancel(moment, order, "position_open")
    return account


def _set_levels(case: Case, account: Account, moment: Moment, order: Order, unit: Unit, paid: float) -> Account:
    """Set the levels of a new unit, or anew the one set of all units, from the fill; tell those in force."""
    position = account.position
    assert position is not None
    bar, adds = moment.bar, position.rule.adds
    as_limit = order.type == "limit" or order.triggered
    close_only = moment.at == "within" and (as_limit or order.set_within == bar)
    if adds is None or adds.levels == "per_unit":
        new = levels.bracket(
            case,
            position.rule.risk,
            position.side,
            unit=unit.name,
            base=paid,
            size=unit.size,
            signal_bar=order.signal_bar,
            fill_bar=bar,
            close_only=close_only,
        )
        brackets = (*position.brackets, new)
    else:
        base = paid if adds.levels == "from_last" else position.average
        new = levels.shared(case, position, base=base, signal_bar=order.signal_bar, fill_bar=bar, close_only=close_only)
        brackets = (new,)
    account = replace(account, position=replace(position, brackets=brackets))
    stop, row = levels.nearest(new.stops, position.side, bar), levels.table_row(new.table, bar)
    targets = [target.price for target in new.targets if target.price is not None]
    targets += [] if row is None else [row.price]
    if stop is not None or targets:
        account = account.tell(
            moment, "levels", unit=new.unit, stop=None if stop is None else stop.price, targets=targets or None
        )
    return levels.begun_next(account, moment, len(brackets) - 1) if moment.at == "close" else account


def _set_next_add(case: Case, account: Account, moment: Moment, filled: Order) -> Account:
    """Set the level of the next add, `points` from this fill; it works from here on (step 5).

    Only an entry or an add sets one. A unit that is stopped sets none, so that an add and its stop do not follow each other within one bar without end.
    """
    position = account.position
    assert position is not None
    adds = position.rule.adds
    if adds is None or adds.order_type is None or len(position.units) >= adds.max_units:
        return account
    towards = 1 if adds.order_type == "stop" else -1
    price = position.last_fill + towards * sign(position.side) * adds.points
    if price <= 0:
        return account
    size = size_when_placed(case, account, adds.size, position.rule, price, filled.signal_bar)
    if size == 0:
        return account.tell(moment, "refused", order="add", reason="no_distance")
    return account.with_order(
        replace(
            filled,
            name="add",
            role="add",
            type=adds.order_type,
            size=size,
            number=account.numbered,
            price=price,
            limit=None,
            works_until=None,
            triggered=False,
            set_within=moment.bar if moment.at == "within" else None,
        )
    )
