"""What the reading of a strategy warns of, as a run keeps it: before what its data and the run itself warn of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from Backtest.canonical import CanonicalStrategy
from Backtest.code import check_code
from Backtest.errors import Diagnostic

MOST = 20  # findings about code
TOLD = ("answered_by_rules",)  # of infos: that a model was asked for and did not answer


def of_reading(findings: Iterable[Diagnostic | Mapping[str, str]]) -> list[str]:
    """Return the warnings among findings about a text or a canonical, each with its remedy."""
    found = [f.as_dict() if isinstance(f, Diagnostic) else f for f in findings]
    return [
        f["message"].rstrip(".") + (f". {f['suggestion']}" if f.get("suggestion") else "")
        for f in found
        if f["severity"] == "warning" or f["code"] in TOLD
    ]


def of_code(code: str) -> list[str]:
    """Return what the code check finds in a run's code, each with its line and remedy: it stands beside the figures wherever they are shown."""
    found = [f"Line {i.line} of the code: {i.message.rstrip('.')}. {i.suggestion}" for i in check_code(code)]
    more = [f"The code check finds {len(found) - MOST} more: see validate-code/"] if len(found) > MOST else []
    return [*found[:MOST], *more]


def of_symbols(canonical: CanonicalStrategy, chosen: str, *, named: bool) -> list[str]:
    """Say which of a strategy's symbols a run is of, where the strategy has several and nobody named one."""
    if named or len(canonical.symbols) < 2:
        return []
    others = [s for s in canonical.symbols if s != chosen]
    return [
        (
            f"The strategy names {_listed(canonical.symbols)}; this run is of {chosen} alone. For {_listed(others)}: run it again with "
            f"another symbol, or all at once as a job (POST /api/backtests/jobs/)"
        )
    ]


def of_several(found: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Return the warnings of runs of several symbols, each once and with the symbols it belongs to, where it is not of all.

    >>> of_several([("AAPL", ["Few trades", "No stop"]), ("GOOG", ["No stop"])])
    ['AAPL: Few trades', 'No stop']
    """
    runs = list(found)
    owners: dict[str, list[str]] = {}
    for symbol, texts in runs:
        for text in dict.fromkeys(texts):
            owners.setdefault(text, []).append(symbol)
    return [text if len(of) == len(runs) else f"{_listed(of)}: {text}" for text, of in owners.items()]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def together(*parts: Iterable[str]) -> list[str]:
    """Return warnings in their order, each once."""
    return list(dict.fromkeys(w for part in parts for w in part))
