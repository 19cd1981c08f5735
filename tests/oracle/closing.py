"""What happens at the close of a bar, in the order of section 2 C (steps 9 to 13)."""

from __future__ import annotations

from dataclasses import replace

from tests.oracle import expressions
from tests.oracle.book import equity, size_said, size_when_placed
from tests.oracle.fills import close, enter
from tests.oracle.levels import moved_at_close
from tests.oracle.orders import Account, Moment, Order, Position
from tests.oracle.prices import closes, opens, whole_units
from tests.oracle.strategy import Case, EntryRule, ExitRule, OrderTerms


def at_close(case: Case, account: Account, bar: int) -> Account:
    """Do all that a close does. On the last bar nothing is placed, and what is open is closed (step 13)."""
    moment = Moment(bar, "close", case.bars[bar].close)
    account = _session_exit(case, account, moment)
    account, part_left = _exits_at_close(case, account, moment)
    if bar == len(case.bars) - 1:
        account = _end_of_data(case, account, moment)
    else:
        account = moved_at_close(case, account, moment)
        account = _expired(account, moment)
        account = replace(account, last_equity=equity(account, moment.price))
        account, leaving = _exits_placed(case, account, moment, part_left=part_left)
        account = _entries(case, account, moment, leaving=leaving)
    return replace(account, last_equity=equity(account, moment.price))


def _session_exit(case: Case, account: Account, moment: Moment) -> Account:
    before_end = case.strategy.session_exit
    if account.position is None or before_end is None:
        return account
    session = case.session_of(moment.bar)
    if len(session) - 1 - session.index(moment.bar) != before_end:
        return account
    size = account.position.size
    return close(case, account, moment, moment.price, size, name="session_exit", reason="session_end")


def _exits_at_close(case: Case, account: Account, moment: Moment) -> tuple[Account, bool]:
    """Fill the exits "at this close". Also say whether a part of the position left, so that nothing is added at this close."""
    position = account.position
    if position is None:
        return account, False
    firing = _firing(case, position, moment.bar)
    whole = [rule for _, rule in firing if rule.portion >= 1]
    if at_once := [rule for rule in whole if rule.at_close]:
        name = at_once[0].id
        return close(case, account, moment, moment.price, position.size, name=name, reason="rule"), False
    if whole or _held_long_enough(position, moment.bar):
        return account, False
    part_left = False
    for number, rule in firing:
        if rule.at_close and account.position is not None:
            size = min(_part(account.position, rule), account.position.size)
            if size:
                part_left = True
                account = _acted(account, number)
                account = close(case, account, moment, moment.price, size, name=rule.id, reason="rule")
    return account, part_left


def _end_of_data(case: Case, account: Account, moment: Moment) -> Account:
    if account.position is not None:
        size = account.position.size
        account = close(case, account, moment, moment.price, size, name="end", reason="end_of_data")
    return replace(account, orders=())


def _expired(account: Account, moment: Moment) -> Account:
    for order in account.orders:
        if order.works_until is not None and order.works_until <= moment.bar:
            account = account.cancel(moment, order, "expired")
    return account


def _firing(case: Case, position: Position, bar: int) -> list[tuple[int, ExitRule]]:
    """List the exit rules that fire on a position. A partial one acts once a position unless it says `repeat`."""
    return [
        (number, rule)
        for number, rule in enumerate(case.strategy.exits)
        if rule.closes_those_of(position.rule)
        and (rule.portion >= 1 or rule.repeat or number not in position.acted)
        and expressions.holds(rule.when, case.bars, bar)
    ]


def _held_long_enough(position: Position, bar: int) -> bool:
    most = position.rule.risk.max_bars
    return most is not None and bar >= position.since + most - 1


def _part(position: Position, rule: ExitRule) -> int:
    """Give the units of a partial exit: a portion of the first size of the units that are open, rounded down."""
    return whole_units(rule.portion * sum(unit.first_size for unit in position.units))


def _acted(account: Account, number: int) -> Account:
    assert account.position is not None
    return replace(account, position=replace(account.position, acted=account.position.acted | {number}))


def _exits_placed(case: Case, account: Account, moment: Moment, *, part_left: bool) -> tuple[Account, bool]:
    """Place exits for the next open; where nothing leaves, adds. Say whether the whole position leaves."""
    position = account.position
    if position is None:
        return account, False
    if _held_long_enough(position, moment.bar):
        return _place_exit(account, moment, position, "max_bars", None, "max_bars"), True
    firing = _firing(case, position, moment.bar)
    for _, rule in firing:
        if rule.portion >= 1:
            return _place_exit(account, moment, position, rule.id, None, "rule"), True
    for number, rule in firing:
        size = min(_part(position, rule), position.size)
        if size and not rule.at_close:
            part_left = True
            account = _place_exit(_acted(account, number), moment, position, rule.id, size, "rule")
    return (account if part_left else _add(case, account, moment, position)), False


def _place_exit(
    account: Account, moment: Moment, position: Position, name: str, size: int | None, reason: str
) -> Account:
    trade = closes(position.side)
    order = Order(name, "exit", trade, "market", size, moment.bar, account.numbered, reason=reason)
    said = position.size if size is None else size
    return account.with_order(order).tell(moment, "placed", order=name, side=trade, type="market", size=said)


def _add(case: Case, account: Account, moment: Moment, position: Position) -> Account:
    """Place an add for the next open where its condition fires and the position may have one more unit."""
    adds = position.rule.adds
    if adds is None or adds.when is None or len(position.units) >= adds.max_units:
        return account
    if not expressions.holds(adds.when, case.bars, moment.bar):
        return account
    size = size_when_placed(case, account, adds.size, position.rule, moment.price, moment.bar)
    if size == 0:
        return account.tell(moment, "refused", order="add", reason="no_distance")
    trade = opens(position.side)
    order = Order("add", "add", trade, "market", size, moment.bar, account.numbered, rule=position.rule)
    said = size_said(order, adds.size)
    return account.with_order(order).tell(moment, "placed", order="add", side=trade, type="market", size=said)


def _entries(case: Case, account: Account, moment: Moment, *, leaving: bool) -> Account:
    """Judge the entries in order: where flat, or where the whole position leaves and a rule of the other side turns it round."""
    position, cooldown = account.position, case.strategy.cooldown_bars
    if position is not None and (not leaving or cooldown):
        return account
    if cooldown and account.last_exit_bar is not None and moment.bar - account.last_exit_bar < cooldown:
        return account
    market_taken = False
    for listed, rule in enumerate(case.strategy.entries):
        market = rule.order.type == "market"
        if position is not None and rule.side == position.side:
            continue
        if (market and market_taken) or not _fires(case, rule, moment.bar):
            continue
        market_taken = market_taken or market
        account = _place_entry(case, account, moment, rule, listed)
        if market and rule.order.at_close:
            break
    return account


def _fires(case: Case, rule: EntryRule, bar: int) -> bool:
    """Say whether an entry fires. It does not where an exit of its side fires."""
    if not expressions.holds(rule.when, case.bars, bar):
        return False
    exits = (other for other in case.strategy.exits if other.closes_those_of(rule))
    return not any(expressions.holds(other.when, case.bars, bar) for other in exits)


def _place_entry(case: Case, account: Account, moment: Moment, rule: EntryRule, listed: int) -> Account:
    """Send the order of an entry that fires. Without its price it is not sent, and without a size it is refused."""
    terms, bar = rule.order, moment.bar
    price = moment.price if terms.price is None else expressions.price(terms.price, case.bars, bar)
    limit = None if terms.limit is None else expressions.price(terms.limit, case.bars, bar)
    if price is None or price <= 0 or (limit is None and terms.limit is not None):
        return account
    size = size_when_placed(case, account, rule.size, rule, price, bar)
    if size == 0:
        return account.tell(moment, "refused", order=rule.id, reason="no_distance")
    order = Order(
        name=rule.id,
        role="entry",
        trade=opens(rule.side),
        type=terms.type,
        size=size,
        signal_bar=bar,
        number=account.numbered,
        listed=listed,
        price=None if terms.type == "market" else price,
        limit=limit,
        works_until=_works_until(case, terms, bar),
        rule=rule,
    )
    return _sent(case, account, moment, order)


def _sent(case: Case, account: Account, moment: Moment, order: Order) -> Account:
    """Replace the order of the same rule that still waits by this one, or fill it where it is for this close."""
    rule = order.rule
    assert rule is not None
    for waiting in account.orders:
        if waiting.role == "entry" and waiting.rule is rule:
            account = account.cancel(moment, waiting, "replaced")
    if rule.order.at_close:
        return enter(case, account, moment, order, moment.price)
    return account.with_order(order).tell(
        moment,
        "placed",
        order=order.name,
        side=order.trade,
        type=order.type,
        price=order.price,
        limit=order.limit,
        size=size_said(order, rule.size),
        works_until_bar=order.works_until,
    )


def _works_until(case: Case, terms: OrderTerms, bar: int) -> int | None:
    """Give the last bar an order works on (section 4, "Lifetime"). A session is that of its first working bar."""
    if terms.life_session:
        return case.session_of(bar + 1)[-1]
    return None if terms.life_bars is None else bar + terms.life_bars
