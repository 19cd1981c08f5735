"""Near misses of the words the parser knows."""

from __future__ import annotations

from collections.abc import Iterable

from Strategy.words.table import table

_ENGLISH = frozenset(
    table("""about, above, actually, after, again, against, almost, along, already, always, among, another, anything, around,
    because, before, being, believe, below, best, better, between, both, bring, bulls, bears, called, cannot,
    chance, change, clear, clearly, come, could, course, dance, doing, dollars, during, early, either, enough,
    every, everything, example, expect, feel, first, follow, found, friend, generally, getting, given, giving,
    going, great, green, group, happen, hello, holding, house, however, ideas, inside, instead, itself, keep,
    kind, large, later, least, likely, little, looking, lose, lost, lots, lower, makes, making, maybe, means,
    might, money, moon, most, moves, much, never, night, nothing, number, often, older, only, other, outside,
    people, perhaps, picks, place, point, pretty, price, prices, profit, quick, quickly, quite, rather, reach,
    ready, really, reason, right, rules, same, scale, seems, several, shall, shape, share, sheet, shoot, shop,
    show, simple, since, slight, small, smart, some, something, sometimes, soon, sound, sounds, space, stage,
    stand, state, stats, still, stick, store, story, strong, stuff, such, sure, system, takes, taking, tell,
    thanks, their, them, then, there, these, thing, things, think, those, though, three, through, throw, time,
    times, today, together, tomorrow, tonight, total, touch, trend, trends, tries, true, trust, trying, under,
    until, upon, usual, usually, using, value, view, wants, watch, water, weather, weight, well, went, were, what,
    where, whether, which, while, white, whole, whose, world, worse, worst, would, write, wrong, years, young,
    your""")
)


# Slips in words too short to be told from others by their letters alone.
_TYPOS = {
    "los": "loss", "wen": "when", "whne": "when", "hwen": "when", "abov": "above", "abve": "above", "aboev": "above", "blow": "below",
    "belw": "below", "byu": "buy", "bye": "buy", "buyy": "buy", "sel": "sell", "slel": "sell", "selll": "sell",
    "teh": "the", "adn": "and", "nad": "and", "si": "is", "stpo": "stop", "sotp": "stop", "cros": "cross", "ovre": "over",
    "undr": "under", "uner": "under", "prce": "price", "pirce": "price", "clos": "close", "clsoe": "close", "shrt": "short",
    "exti": "exit", "eixt": "exit", "targt": "target", "proft": "profit", "volum": "volume", "lses": "less", "mroe": "more",
}  # fmt: skip


class Corrector:
    """Replaces an unknown word by the one known word a single slip away.

    A slip is one letter missing, added, changed or swapped with its neighbour. Words of fewer
    than five letters, common English words and words written in capitals are left alone.
    """

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._known = frozenset(vocabulary)
        self._by_deletion: dict[str, set[str]] = {}
        for word in self._known:
            if len(word) >= 5 and word.isalpha():
                for form in _deletions(word):
                    self._by_deletion.setdefault(form, set()).add(word)

    def correct(self, word: str, raw: str) -> str:
        """Return the known word meant, or the word itself."""
        if word in _TYPOS:
            return _TYPOS[word]
        if word in self._known or len(word) < 5 or word in _ENGLISH or raw.isupper() or not word.isalpha():
            return word
        near: set[str] = set()
        for form in _deletions(word):
            near |= self._by_deletion.get(form, set())
        near = {known for known in near if known[0] == word[0] and _one_slip(word, known)}
        if len(near) == 1:
            return near.pop()
        closest = {known for known in near if sorted(known) == sorted(word)}
        return closest.pop() if len(closest) == 1 else word


def _deletions(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _one_slip(a: str, b: str) -> bool:
    """Return whether two words differ by at most one insertion, deletion, change or swap."""
    if a == b:
        return True
    if len(a) == len(b):
        different = [i for i in range(len(a)) if a[i] != b[i]]
        if len(different) == 1:
            return True
        swapped = len(different) == 2 and different[1] == different[0] + 1
        return swapped and a[different[0]] == b[different[1]] and a[different[1]] == b[different[0]]
    short, long = sorted((a, b), key=len)
    return len(long) == len(short) + 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
