"""The notation: the exact English in which strategies are printed, read by a grammar that is made of the same phrases.

`CanonicalStrategy.notation()` writes it, `read_notation` reads it; docs/notation.md, which `manage.py notation` writes, says all of it.
"""

from Strategy.notation.reading import read_notation
from Strategy.notation.reference import reference

__all__ = ["read_notation", "reference"]
