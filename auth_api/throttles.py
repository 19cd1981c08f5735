"""How often one may ask, in a time that the clock may have left again."""

from __future__ import annotations

import time

from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, UserRateThrottle


class _Past:
    """Counts what was asked until now: of a time to come are requests that were made while the clock was ahead."""

    history: list[float]

    def timer(self) -> float:
        """Return now. It is called when the history was read, and before it is looked at."""
        now = time.time()
        self.history = [at for at in self.history if at <= now]
        return now


class Anonymous(_Past, AnonRateThrottle):
    """Of an address without a user."""


class OfUser(_Past, UserRateThrottle):
    """Of a user."""


class Scoped(_Past, ScopedRateThrottle):
    """Of a door, by address."""
