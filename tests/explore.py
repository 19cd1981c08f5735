"""How much is tried: little in the suite, much every night (`make explore`, which sets HYPOTHESIS_PROFILE)."""

from __future__ import annotations

import os

EXPLORES = os.environ.get("HYPOTHESIS_PROFILE") == "explore"


def examples(count: int) -> int:
    """Return how many examples hypothesis draws: `count` in the suite, twenty times as many in `make explore`."""
    return 20 * count if EXPLORES else count
