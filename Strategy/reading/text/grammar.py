"""What every part of the grammar has: a cursor over the words, and the draft of what was read."""

from __future__ import annotations

from dataclasses import dataclass

from Strategy.reading.text.cursor import Cursor
from Strategy.reading.text.draft import Draft


@dataclass(eq=False)
class Grammar:
    """A part of the grammar: it reads words at the cursor and writes what they say into the draft.

    Its methods return None or False where the words at the cursor are not theirs.
    """

    cursor: Cursor
    draft: Draft
