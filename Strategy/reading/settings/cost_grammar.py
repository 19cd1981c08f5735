"""The grammar of costs and cash: commissions, spreads, slippage, amounts of money."""

from __future__ import annotations

import re

from Strategy.reading.text.draft import Draft
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.text.lexer import Token
from Strategy.words import accounts, sizes, small

_LEAST_CASH = 100  # an amount without a sign in front of "capital" is at least this

_DOTTED = re.compile(r"\d{1,3}(?:\.\d{3})+[km]?")  # 50.000 is fifty, or fifty thousand

_MOST_AS_FRACTION = 0.1  # a cost without % or $ that is less is a part of the price


class Costs(Grammar):
    """Reads what trading costs and the cash it begins with; each method returns whether it read something."""

    def cash(self) -> bool:
        """Read "start with 100000 in cash", "with 25k capital", "a 1m account", "I have $25,000"."""
        cursor = self.cursor
        start = cursor.position
        heading = cursor.peek(-2)
        headed = cursor.previous_word() == ":" and heading is not None and heading.norm in accounts.CASH_HEADINGS
        lead = cursor.words(accounts.CASH_LEAD, noise=False)
        named = headed or cursor.take(accounts.CASH)  # "Capital: 50000" reads like the heading of a section
        cursor.words(small.OF, small.IS, small.WITH, small.HAS)
        cursor.symbol(":", "=")
        sign = cursor.symbol("€", "£")
        token = cursor.number(percent=False)
        if token is None or token.value < 1:
            return False
        unclear = self._unclear_amount(token)
        million = self._million()
        foreign = self._currency() or sign
        after = cursor.take(accounts.IN_CASH, noise=True)
        foreign = foreign or self._currency()
        large = token.money or foreign or million or token.value >= _LEAST_CASH
        if not named and not (after and large):
            return not after and lead in accounts.WITH and self._ask_of_amount(token, start)
        if cursor.looking_at(sizes.PER_TRADE, noise=False):
            return False  # "10000 capital per trade" is a size
        cursor.words(accounts.TO_TRADE, noise=False)
        if unclear:
            message = f"The cash {unclear!r} may be more than one number"
            self.draft.problem("error", "amount", "text", message, "Write it plainly, such as 50000 or 50,000")
            self.draft.ask(f"How much cash is {unclear!r}? Write it plainly, such as 50000 or 50,000.")
            return True
        if foreign:
            self.draft.assume(
                "currency", "Cash is in the currency of the prices", "converted from another", "execution.cash"
            )
        self.draft.set_execution("cash", token.value * (1e6 if million else 1))
        return True

    def _unclear_amount(self, token: Token) -> str:
        """Return an amount such as "50.000", "1,5m" or "50 000" as it was said, whose separators can mean two numbers; else ""."""
        cursor = self.cursor
        said = token.norm
        while len(said.removeprefix("$")) <= 3 or said != token.norm:
            here, follows, after = cursor.previous(), cursor.peek(), cursor.peek(1)
            comma = follows is not None and follows.norm in (",", ".") and after is not None and after.kind == "num"
            number = after if comma else follows
            if here is None or number is None or number.kind != "num" or number.percent or number.start - here.end > 1:
                break
            said += ("," if comma else " " if number.start > here.end else "") + number.norm
            cursor.advance(2 if comma else 1)
        return said if said != token.norm or _DOTTED.fullmatch(said) else ""

    def _million(self) -> bool:
        """Take the m of "start with 1m", which is a time frame in front of "bars"."""
        token, follows = self.cursor.peek(), self.cursor.peek(1)
        if token is None or token.norm not in accounts.MILLION or not token.attached:
            return False
        if follows is not None and follows.norm in accounts.BARS_BEHIND:
            return False
        self.cursor.advance(1)
        return True

    def _currency(self) -> str | None:
        """Take the name of a currency other than the dollar."""
        token = self.cursor.peek()
        name = token.norm.casefold() if token is not None else ""
        if token is None or not (name in accounts.CURRENCIES or name in accounts.CURRENCY_CODES):
            return None
        self.cursor.advance(1)
        return token.norm

    def _ask_of_amount(self, token: Token, start: int) -> bool:
        """Ask about "with $10,000": the cash to start with, or the size of a trade?"""
        if not self.cursor.clause_ends(accounts.AFTER_CASH) or not (token.money or token.value >= 1000):
            return False
        said = " ".join(t.norm for t in self.cursor.tokens[start : self.cursor.position])
        remedy = "Say 'start with ... in cash', or '... per trade'"
        self.draft.problem("error", "cash_or_size", "text", f"{said!r} may be the cash or the size of a trade", remedy)
        self.draft.ask(f"What is {said!r}: the cash to start with, or the size of each trade?")
        return True

    def costs(self) -> bool:
        """Read "commission 0.1%", "$5 fee per trade", "no slippage", "a spread of 0.1%"."""
        cursor = self.cursor
        cursor.words(accounts.COST_LEAD)
        before = cursor.previous()
        none = before is not None and before.norm in accounts.NONE
        start = cursor.mark()
        if self._between_prices(none=none):
            return True
        cursor.reset(start)
        begins = cursor.position
        token = cursor.number()
        per_unit = self._per_unit(token)
        kind = (
            "commission_fixed"
            if cursor.take(accounts.FIXED)
            else "commission"
            if cursor.take(accounts.COMMISSION)
            else None
        )
        if kind is None:
            return False
        if none and token is None:
            self.draft.set_execution(kind, 0.0)
            return True
        cursor.words(small.OF, small.IS, small.AT, small.ARE)
        cursor.symbol(":", "=")
        token = token or cursor.number()
        if token is None:
            return False
        if per_unit or self._per_unit(token):
            said = " ".join(t.norm for t in cursor.tokens[begins : cursor.position])
            self._ask_of_commission(said)
            return True
        fills = cursor.take(accounts.FILLS, noise=False)
        cursor.take(sizes.PER_TRADE, noise=False)
        value = token.value / 100 if token.percent else token.value
        if not token.percent and (token.money or kind == "commission_fixed"):
            kind = "commission_fixed"
        elif not token.percent and value >= _MOST_AS_FRACTION:
            return False
        elif not token.percent:
            self._assume_fraction(kind, value)
        if fills == 1 and value:
            text = "A commission of a round trip is paid by halves, at each of the two fills"
            self.draft.assume("round_trip", text, "all of it at each fill", f"execution.{kind}")
            value /= 2
        self.draft.set_execution(kind, round(value, 12))
        return True

    def _per_unit(self, token: Token | None) -> bool:
        """Take "per share" behind an amount of money: "$0.01 per share", "1 cent a share", "0.005/share"."""
        if token is None or token.percent:
            return False
        cursor = self.cursor
        mark = cursor.mark()
        cent = cursor.words(accounts.CENTS, noise=False)
        slash = cursor.symbol("/")
        unit = cursor.words(accounts.A_UNIT, noise=False)
        if unit and (slash or cent or " " in unit):
            return True
        cursor.reset(mark)
        return False

    def _ask_of_commission(self, said: str) -> None:
        message = (
            f"{said!r} is money for each unit, and a commission is a part of the price or money for each order here"
        )
        remedy = "Say it in percent or for each order, such as: commission 0.05%, commission $5 per trade"
        self.draft.problem("error", "cost_in_money", "text", message, remedy)
        self.draft.ask(
            f"What is {said!r} in percent of the price, or in money for each order: commission 0.05%, or $5?"
        )

    def _assume_fraction(self, kind: str, value: float) -> None:
        self.draft.assume("fraction", f"A {kind} of {value:g} is read as a fraction, {value:.4%}")

    def _between_prices(self, *, none: bool) -> bool:
        """Read "spread 0.02%", "0.05% slippage per side", "no slippage": what lies between a price and its fill."""
        cursor = self.cursor
        start = cursor.position
        token, money = self._amount()
        fills = cursor.take(accounts.FILLS, noise=False)
        cursor.words(small.OF, noise=False) if token is not None else None
        kind = cursor.take(accounts.SPREAD)
        if kind is None:
            return False
        fills = fills or cursor.take(accounts.FILLS, noise=False)
        if none and token is None:
            self.draft.spreads += ((kind, 0.0, 1),)
            return True
        cursor.words(small.OF, small.IS, small.AT, small.ARE)
        cursor.symbol(":", "=")
        if token is None:
            token, money = self._amount()
        if token is None or (not token.percent and not money and token.value >= _MOST_AS_FRACTION):
            return False
        fills = fills or cursor.take(accounts.FILLS, noise=False)
        cursor.take(sizes.PER_TRADE, noise=False)
        if money and token.value:
            said = " ".join(t.norm for t in cursor.tokens[start : cursor.position])
            self._ask_of_money(kind, said)
        elif not token.percent and token.value:
            self._assume_fraction(kind, token.value)
        share = 0.0 if money else token.value / 100 if token.percent else token.value
        self.draft.spreads += ((kind, share, fills or (2 if kind == "slippage" else 1)),)
        return True

    def _amount(self) -> tuple[Token | None, bool]:
        """Read a number, and whether it is money: "$0.02", "2 cents", "0.02 per share"."""
        cursor = self.cursor
        here = cursor.mark()
        sign = cursor.symbol("€", "£")
        token = cursor.number()
        if token is None or token.percent:
            return token, False
        cent = cursor.words(accounts.CENTS, noise=False) or self._currency()
        cursor.symbol("/")
        a_unit = cursor.words(accounts.A_UNIT, noise=False)
        money = bool(token.money or sign or cent or a_unit)
        if not money:
            cursor.reset(here)
            token = cursor.number()
        return token, money

    def _ask_of_money(self, kind: str, said: str) -> None:
        message = f"{said!r} is money for each unit, and a {kind} is a part of the price here"
        remedy = f"Say the {kind} as a part of the price, e.g. {kind} 0.01%"
        self.draft.problem("error", "cost_in_money", "text", message, remedy)
        self.draft.ask(f"What part of the price is {said!r}? Say the {kind} in percent, e.g. 0.01%.")


def settle_spread(draft: Draft) -> None:
    """Make one spread of what was said as spread and as slippage, which costs as much over a round trip.

    The canonical's is paid at the entry alone. A slippage is paid at both fills unless the text says otherwise.
    """
    said: dict[str, tuple[float, int]] = {}
    for kind, share, fills in draft.spreads:
        if kind in said and said[kind] != (share, fills):
            both = f"{_of_fills(*said[kind])} and {_of_fills(share, fills)}"
            message = f"The text gives two different values for the {kind}: {both}"
            draft.problem("error", "contradiction", "execution.spread", message, "Say it once")
            draft.ask(f"Which {kind} is meant: {both.replace(' and ', ' or ')}?")
        said[kind] = (share, fills)
    if not said:
        return
    total = round(sum(share * fills for share, fills in said.values()), 12)
    draft.set_execution("spread", total)
    paid = {kind: (share, fills) for kind, (share, fills) in said.items() if share}
    if not paid or paid == {"spread": (total, 1)}:
        return
    named = " and ".join(f"a {kind} of {_of_fills(*paid[kind])}" for kind in sorted(paid, reverse=True))
    are = "together are" if len(paid) > 1 else "is"
    text = (
        f"{named[0].upper()}{named[1:]} {are} modelled as a spread of {total * 100:.10g}%, all of it paid at the entry"
    )
    draft.assume("slippage", text, "paid at each fill", "execution.spread")


def _of_fills(share: float, fills: int) -> str:
    return f"{share * 100:.10g}% {'at each of the two fills' if fills == 2 else 'a round trip'}"
