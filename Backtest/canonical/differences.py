"""How versions of a strategy differ, in plain English.

The sentences themselves are those of `CanonicalStrategy.describe()`. `Strategy.text_parser` understands every one and gives
the same strategy; a property test holds the two together.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import zip_longest

from Backtest.canonical.strategy import CanonicalStrategy


def changes(old: CanonicalStrategy, new: CanonicalStrategy) -> list[dict[str, str]]:
    """Return how two versions differ, in plain English: what each sentence was and is.

    Each item has `change` (added, removed or changed), `was` and `is`.
    """
    before, after = old.describe().splitlines(), new.describe().splitlines()
    found: list[dict[str, str]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, come = before[i1:i2], after[j1:j2]
        for was, is_ in zip_longest(gone, come, fillvalue=""):
            kind = "changed" if was and is_ else "removed" if was else "added"
            found.append({"change": kind, "was": was, "is": is_})
    if old.strategy_name != new.strategy_name:
        found.append({"change": "changed", "was": f"Name: {old.strategy_name}", "is": f"Name: {new.strategy_name}"})
    return found
