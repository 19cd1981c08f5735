"""What files call the parts of a bar, in the languages and dialects seen in exports."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from Backtest.market import CURRENCIES

# The first names of a part are preferred where a file has several, as "Close" is to "Price".
NAMES: dict[str, tuple[str, ...]] = {
    "time": (
        "open time", "opentime", "unix", "unix timestamp", "unix time", "epoch", "datetime", "date time", "date/time",
        "timestamp", "ts event", "gmt time", "local time", "utc", "utc time", "date", "time", "t", "ts", "dt", "index", "bar",
        "begin", "begins at", "start", "window start", "start time", "period start", "trade date", "trading date", "trading day", "day", "month", "year", "monat", "jahr", "week",
        "datum", "datum/uhrzeit", "datum/zeit", "zeitpunkt", "zeit", "uhrzeit", "fecha", "hora", "data", "date heure",
        "heure", "czas", "tarih", "дата", "время", "日付", "日時", "日期", "时间", "时刻", "交易日期", "일자", "날짜", "unnamed: 0",
    ),
    "open": (
        "open", "o", "open price", "px open", "opening price", "price open", "eroffnung", "eroffn.", "eroffnungskurs", "eroffnungspreis", "erster",
        "apertura", "ouverture", "ouv.", "ouv", "abertura", "otwarcie", "открытие", "откр.", "acilis", "始値", "开盘", "开盘价", "시가", "opening",
    ),
    "high": (
        "high", "h", "high price", "px high", "highest price", "price high", "hoch", "tageshoch", "hochst", "hochstkurs", "hochstpreis", "max", "max.", "maximo",
        "maxima", "massimo", "plus haut", "haut", "+haut", "hoog", "najwyzszy", "максимум", "макс.", "yuksek", "高値", "最高", "最高价", "고가",
    ),
    "low": (
        "low", "l", "low price", "px low", "lowest price", "price low", "tief", "tagestief", "tiefst", "tiefstkurs", "tiefstpreis", "min", "min.", "minimo",
        "minima", "plus bas", "bas", "+bas", "laag", "najnizszy", "минимум", "мин.", "dusuk", "安値", "最低", "最低价", "저가",
    ),
    "close": (
        "close", "c", "close/last", "close price", "px last", "px close", "closing price", "price close", "schluss", "schlusskurs",
        "schlußkurs", "schlusspreis", "cierre", "cloture", "clot.", "fermeture", "chiusura", "fechamento", "zamkniecie", "закрытие", "kapanis", "終値", "收盘", "收盘价",
        "종가", "last", "last price", "zuletzt", "letzter", "dernier", "ultimo", "slot", "settle", "settlement", "price", "цена", "prix",
        "kurs", "şimdi", "simdi", "close close price adjusted for splits.",
    ),
    "adj_close": (
        "adj close", "adj. close", "adjclose", "adjusted close", "adjusted closing price", "close adjusted", "adj closing price", "adjusted",
        "adjustedclose", "close adj", "bereinigter schlusskurs", "schlusskurs bereinigt", "adj close price",
    ),
    "volume": (
        "stuck", "volume", "v", "vol", "vol.", "volumen", "total volume", "px volume", "trade volume", "shares", "volume traded", "shares traded", "umsatz", "wolumen", "volumes",
        "volumefrom", "base volume", "объем", "объём", "hacim", "hac.", "出来高", "成交量", "거래량", "tickvol", "tick volume", "tickvolume",
        "real volume", "quantity", "total traded quantity", "traded quantity",
    ),
    "symbol": (
        "symbol", "ticker", "sym", "instrument", "act symbol", "code", "pair", "stock", "name", "isin", "wkn", "security",
    ),
    "per": ("per", "period", "interval", "timeframe", "resolution"),
}  # fmt: skip
# Pieces in German, under any of its names the first of the volumes: "Umsatz in Stück", "Volumen (Stk.)", "Gehandelte Stücke".
_PIECES = re.compile(
    r"(?:(?:geh\.|gehandelte|anzahl|umsatz|(?:handels|tages)?volumen)[ /]*(?:in )?)?[(\[]?"
    r"(?:st(?:ue|u)?ck(?:e|zahl|umsatz)?|stk)\.?[)\]]?(?: gehandelt)?"
)
# Money, where a currency is said: "Umsatz (EUR)", "Volumen in Euro", "Volume USDT"; Turnover alone may be a rate.
_TURNOVER = re.compile(
    r"(?:umsatz|volumen?|turnover)[ /]*(?:in )?[(\[]?"
    rf"(?:{'|'.join(sorted(CURRENCIES))}|usd[a-z]|[a-z]?busd|euros?|[$€£¥])[)\]]?",
    re.IGNORECASE,
)
# Columns that tell instruments apart only where they have several values.
SERIES = frozenset(
    {
        "contract", "contract name", "contract code", "contract month", "delivery", "delivery month", "expiry", "expiry date", "expiration",
        "expiration date", "maturity", "maturity date", "series", "exchange", "venue",
    }
)  # fmt: skip
# Columns that say whether a bar is finished.
FINISHED = frozenset(
    {
        "complete",
        "completed",
        "is complete",
        "closed",
        "is closed",
        "final",
        "is final",
        "isfinal",
        "confirm",
        "confirmed",
        "finished",
    }
)
# What is derived from prices and stands before a part's name, such as Heikin Ashi's "HA Open".
_DERIVED = frozenset(
    {
        "ha",
        "heikin",
        "heikinashi",
        "avg",
        "average",
        "mean",
        "smoothed",
        "normalized",
        "norm",
        "prev",
        "previous",
        "prior",
    }
)
BAR = ("open", "high", "low", "close")
_ROLE = {name: (role, rank) for role, names in NAMES.items() for rank, name in enumerate(names)}
_WORDS = {"open", "high", "low", "close", "volume", "adjusted", "adj close"}


def folded(name: str) -> str:
    """Return a column's name without case, accents, brackets and numbering: "<DATE>", "[Date]", "1. open", "Adj_Close**"."""
    name = re.sub(
        r"^\s*[\[{]\s*([^\[\]{}]+?)\s*[\]}]\s*$", r"\1", name
    )  # whole names only: "Volume [BTC]" keeps its unit
    text = (
        "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
        if name.isascii() is False
        else name
    )
    if any("\u3040" <= c <= "\ud7ff" for c in name):
        text = unicodedata.normalize("NFC", name)
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", text.strip().strip("<>\"'*# ").rstrip(":"))
    text = re.sub(r"^\d{1,2}[ab]?[.)]\s*", "", text.lower())
    text = re.sub(r"[\s_]+", " ", text).strip()
    text = re.sub(r"\s*[(\[](utc|gmt|(?!stk)[a-z]{2,4}|[a-z]+(?: [a-z]+)?/[a-z/ ]+|[$€£])[)\]]$", "", text)
    if text.startswith(("adj close", "adjusted close")):
        return "adj close"
    if text.startswith(("open ", "high ", "low ", "close ")) and text.endswith(
        (" price", " price adjusted for splits")
    ):
        return text.split(" ", 1)[0]
    return text


def role_of(name: str) -> tuple[str, int] | None:
    """Return the part of a bar a name stands for, and its rank among the names of that part."""
    return _ROLE.get("stuck" if is_pieces(name) else folded(name))


def is_pieces(name: str) -> bool:
    """Whether a column of volume says that it counts pieces, beside which any other is turnover."""
    return bool(_PIECES.fullmatch(folded(name)))


def is_turnover(name: str) -> bool:
    """Whether a column of volume says that it counts money."""
    return bool(_TURNOVER.fullmatch(re.sub(r"[\s_]+", " ", name.strip())))


def split_name(name: str) -> tuple[str, str]:
    """Return (group, part) of a name which joins both, such as AAPL.Open, Close_MSFT, ('High', 'IBM'), bidOpen.

    Both are empty where the name is no such join.
    """
    inside = re.fullmatch(r"\(\s*['\"]?(.*?)['\"]?\s*,\s*['\"]?(.*?)['\"]?\s*,?\s*\)", name.strip())
    pieces = (
        list(inside.groups()) if inside else re.split(r"[ _.:|/]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name.strip()))
    )
    for size in (1, 2):
        for part, group in ((pieces[:size], pieces[size:]), (pieces[-size:], pieces[:-size])):
            if group and folded(" ".join(part)) in _WORDS:
                return "_".join(g for g in group if g), " ".join(part)
    return "", ""


def is_derived(group: str, parts: Container[str]) -> bool:
    """Whether a group of columns is made of other prices and no symbol: HA, Adj, Avg; HA with a volume is Hawaiian Holdings."""
    first = re.split(r"[^a-z]", group.lower())[0]
    return first.startswith("adj") or (first in _DERIVED and "volume" not in parts)


_ZONE_NAMES = {
    "UTC": "UTC", "GMT": "UTC", "EET": "EET", "EEST": "EET", "CET": "CET", "CEST": "CET", "MEZ": "CET", "EST": "America/New_York",
    "EDT": "America/New_York", "ET": "America/New_York", "CST": "America/Chicago", "CDT": "America/Chicago", "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles", "JST": "Asia/Tokyo", "HKT": "Asia/Hong_Kong", "IST": "Asia/Kolkata", "MSK": "Europe/Moscow",
}  # fmt: skip


def zone_in(name: str) -> str:
    """Return the zone a time column's name says ("Gmt time", "Date (UTC)", "Time (EET)"), else an empty text."""
    if re.search(r"(^|[^a-z])(utc|gmt)([^a-z+\-]|$)", name.lower().replace("_", " ")):
        return "UTC"
    inside = abbreviation_in(name)
    return inside if "/" in inside else zone_called(inside)


def abbreviation_in(name: str) -> str:
    """Return what stands in brackets at the end of a time column's name, such as EST; else an empty text."""
    inside = re.search(r"[(\[]\s*([A-Za-z]{2,4}|[A-Z][A-Za-z]+/[A-Za-z_/]+)\s*[)\]]\s*$", name)
    return inside[1] if inside else ""


def zone_called(text: str) -> str:
    """Return the zone an abbreviation stands for, else an empty text."""
    return _ZONE_NAMES.get(text.upper(), "")
