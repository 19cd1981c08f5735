"""The grammar of sizes: "100 shares", "risk 1% per trade", "a mini lot", "half of my capital"."""

from __future__ import annotations

from Backtest.market import asset_class
from Strategy.reading.text.draft import Draft
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.text.lexer import Token
from Strategy.words import COMPANIES, sizes, small, spans

LOT = 100_000  # units of a currency pair

_MOST_LOTS = 100  # a larger number behind "lot size" is one of units


class Sizes(Grammar):
    """Reads how much is bought; each method returns whether it read something."""

    def setting(self) -> bool:
        """Read "position size: 50%", "risk 1% per trade", "$5,000 per trade", "100 shares", "all in"."""
        cursor = self.cursor
        cursor.words(sizes.EACH_TRADE)
        start = cursor.position
        named = cursor.take(sizes.SIZE)
        said = " ".join(t.norm for t in cursor.tokens[start : cursor.position]) if named else ""
        cursor.symbol(":", "=")
        cursor.words(sizes.SIZE_IS)
        cursor.take(sizes.PER_TRADE, noise=False)
        risky = said in sizes.RISKY or bool(cursor.words(sizes.RISKING))
        cursor.words(sizes.AT_MOST)
        if named and not risky and cursor.take(sizes.FULL):
            self.draft.set_risk("position_size", {"type": "percent_of_equity", "value": 100})
            return True
        token = cursor.number()
        if token is None:
            if not named and cursor.take(sizes.FULL):
                self.draft.set_risk("position_size", {"type": "percent_of_equity", "value": 100})
                return True
            return self._one_lot()
        if token.percent:
            behind = not named and cursor.words(sizes.SIZE_BEHIND)
            if behind:
                self.draft.set_risk("position_size", {"type": "percent_of_equity", "value": token.value})
                return True
            cursor.words(sizes.OF_EQUITY, noise=False)
            equity = cursor.take(sizes.EQUITY, noise=True)
            cursor.words(sizes.AT_RISK, noise=False)
            per = cursor.take(sizes.PER_TRADE, noise=False)
            risky = risky or bool(cursor.words(sizes.RISK))
            if not (named or risky or per or equity):
                return False
            if named and said in sizes.WEAK_OF_PERCENT and not (equity or per or risky):
                return False
            kind = "risk_percent" if risky else "percent_of_equity"
            self.draft.set_risk("position_size", {"type": kind, "value": token.value})
            return True
        if token.money:
            per = cursor.take(sizes.PER_TRADE, noise=False)
            worth = cursor.words(sizes.WORTH, noise=False)
            if not (per or worth or (named and said not in sizes.WEAK_OF_MONEY)):
                return False
            if risky:
                return False
            self.draft.set_risk("position_size", {"type": "fixed_cash", "value": token.value})
            return True
        units = self._units(token.value, bare=said in sizes.LOT_SIZE)
        if units is None and (named or (before := cursor.peek(-2)) is None or before.norm in sizes.TRADING):
            units = self._of_symbol(token)  # "trade 2 ETH"
        if units is not None:
            cursor.take(sizes.PER_TRADE, noise=False)
            self.draft.set_risk("position_size", {"type": "fixed_units", "value": units})
            return True
        return False

    def _units(self, count: float, *, bare: bool = False) -> float | None:
        """Take "shares" behind a number, or "lots", which are those of a currency pair; return how many units they are.

        Where `bare`, a small number that stands alone counts lots: "lot size 0.1".
        """
        cursor, start = self.cursor, self.cursor.position
        if cursor.take(sizes.SHARES, noise=False):
            return count
        units: float | None = cursor.take(sizes.LOTS, noise=False)
        said = " ".join([f"{count:g}", *(t.norm for t in cursor.tokens[start : cursor.position])])
        if units is None and bare and count <= _MOST_LOTS and not cursor.looking_at(spans.UNIT, noise=False):
            units, said = LOT, f"lot size {count:g}"
        if units is None:
            return None
        self.draft.lots += ((said, units),)
        return round(count * units, 6)

    def _of_symbol(self, token: Token) -> float | None:
        """Return the number of units in "0.5 BTC" and "100 AAPL", whose symbol is read next, and in "10000 EUR of EURUSD"."""
        follows, after, pair = (self.cursor.peek(ahead) for ahead in range(3))
        if follows is None or token.percent or token.money:
            return None
        if follows.kind == "ticker" or follows.norm in COMPANIES:
            self.draft.counted |= {COMPANIES.get(follows.norm, follows.norm)}
            return token.value
        base = follows.norm.upper()
        if after is not None and after.norm in sizes.OF_PAIR and pair is not None and len(base) == 3:
            named = COMPANIES.get(pair.norm, pair.norm)
            if named.startswith(base) and asset_class(named) == "fx":
                self.cursor.advance(1)
                return token.value
        return None

    def _one_lot(self) -> bool:
        """Read "a mini lot", where no number is said."""
        cursor = self.cursor
        cursor.words(small.A, small.AN, small.ONE, noise=False)
        follows = cursor.peek(1)
        if follows is None or follows.norm not in sizes.LOT or (units := self._units(1)) is None:
            return False
        cursor.take(sizes.PER_TRADE, noise=False)
        self.draft.set_risk("position_size", {"type": "fixed_units", "value": units})
        return True

    def whole_position(self) -> bool:
        """Read the size behind "sell" where it is what was bought: "sell 100 shares"."""
        size, mark = self.draft.risk.get("position_size", {}), self.cursor.mark()
        token = self.cursor.number(percent=False, noise=False)
        units = None
        if token is not None and size.get("type") == "fixed_units":
            units = self._units(token.value)
            units = token.value if units is None else units
        if units is None or size["value"] != units:
            self.cursor.reset(mark)
            return False
        self.cursor.words(small.OF, noise=False)
        return True

    def size_of_order(self) -> bool:
        """Read a size behind "buy": "100 shares", "$5,000 worth", "with 50% of equity", "all in"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(small.WITH, small.USING, small.FOR, noise=False)
        token = cursor.number()
        if token is not None:
            units = self._units(token.value) if not token.percent and not token.money else None
            units = self._of_symbol(token) if units is None else units
            if units is not None:
                cursor.words(small.OF, noise=False)
                self.draft.set_risk("position_size", {"type": "fixed_units", "value": units})
                return True
            if token.money:
                cursor.words(sizes.WORTH_OF, noise=False)
                self.draft.set_risk("position_size", {"type": "fixed_cash", "value": token.value})
                return True
            if token.percent and cursor.words(sizes.OF_MY, noise=False) and cursor.take(sizes.EQUITY):
                self.draft.set_risk("position_size", {"type": "percent_of_equity", "value": token.value})
                return True
        elif (share := cursor.take(sizes.PARTS, noise=False)) is not None:
            if cursor.words(sizes.PART_OF, noise=False) and cursor.take(sizes.EQUITY):
                self.draft.set_risk("position_size", {"type": "percent_of_equity", "value": share})
                return True
        elif cursor.take(sizes.FULL, noise=False):
            self.draft.set_risk("position_size", {"type": "percent_of_equity", "value": 100})
            return True
        elif self._one_lot():
            cursor.words(small.OF, noise=False)
            return True
        cursor.reset(mark)
        return False


_METALS = ("XAU", "XAG", "XPT", "XPD")  # a lot of gold is 100 ounces, and one of silver 5,000


def settle_lots(draft: Draft) -> None:
    """Say what lots were taken for, and ask how many units they are where something else than currency pairs is traded."""
    traded = draft.symbols or ((draft.traded,) if draft.traded else ())
    other = [symbol for symbol in traded if asset_class(symbol) != "fx" or symbol.startswith(_METALS)]
    for said, units in dict.fromkeys(draft.lots):
        if traded and not other:
            named = {10_000: "mini lot", 1_000: "micro lot", 100: "nano lot"}.get(int(units), "lot")
            text = f"A {named} of a currency pair is {units:,.0f} units: {said}"
            draft.assume("lot", text, "one unit", "risk.position_size")
            continue
        of = f"of {other[0]}" if other else "where no currency pair is named"
        message = f"{said!r} {of} does not say how many units that are; a lot of a currency pair is 100,000"
        draft.problem("error", "lot", "text", message, "Say it in units, shares or contracts, such as: 100 shares")
        draft.ask(f"How many units, shares or contracts are {said!r} {of}?")
