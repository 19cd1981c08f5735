"""Words that join conditions, deny them, or say when."""

from __future__ import annotations

from itertools import product

from Strategy.words import small
from Strategy.words.table import Table, meanings, table


def _choices() -> Table:
    """Return the phrases that stand for some, all or none of what was named.

    Their value says which of them, whether exactly two must have been named, and whether they are averages.
    """
    averages = ("averages", "moving averages", "emas", "smas", "mas", "moving average lines")
    things = ("them", "these", "those", "lines", "levels", "two", "2", "ones", *averages)
    quantities = {
        "any": (("either", True), ("any", False), ("any one", False), ("one", False), ("at least one", False), ("1", False)),
        "all": (("both", True), ("all", False), ("each", False), ("every one", False), ("two", True)),
        "none": (("neither", True), ("none", False), ("not one", False), ("neither one", True)),
    }  # fmt: skip
    phrases: dict[str, object] = {}
    for how, words in quantities.items():
        for word, two in words:
            for thing, lead in product(things, ("of", "of the", "of these", "of those", "of the two", "of both")):
                if thing in ("them", "these", "those") and lead != "of":
                    continue
                phrases[f"{word} {lead} {thing}"] = (
                    how,
                    two or lead == "of the two" or thing == "two",
                    thing in averages,
                )
    for how, word in (("any", "either"), ("all", "both"), ("none", "neither"), ("all", "the two"), ("all", "two")):
        nouns = (
            ("average", "moving average", "ema", "sma", "line", "one", "level") if word in ("either", "neither") else ()
        )
        for noun in (*nouns, *averages, "lines", "levels"):
            if not (word in ("either", "neither") and noun in averages):
                phrases[f"{word} {noun}"] = (
                    how,
                    True,
                    noun in averages or noun in ("average", "moving average", "ema", "sma"),
                )
    phrases |= {word: (how, True, False) for how, word in (("any", "either"), ("all", "both"), ("none", "neither"))}
    phrases |= table("one or the other, either one, one or both", ("any", True, False))
    return (
        Table(phrases)
        | table(
            "all averages, all the averages, all moving averages, all three averages, all three moving averages",
            ("all", False, True),
        )
        | table("all three, all three of them", ("all", False, False))
    )


CHOICE = _choices()
AND = table("and, and also, plus also, as well as, along with, but, and then, together with, while also, yet")
OR = table("or, or else, or if, or when, or alternatively, alternatively")
NOT = table("""not, isn't, is not, are not, aren't, doesn't, does not, don't, do not, never, no, without, hasn't, has not, wasn't, was not,
    cannot, can't, it is not the case that, never when""")
WHEN = table("""when, when ever, whenever, if, once, as soon as, where, after, on, upon, in case, when the, only when, only if, every time,
    each time, anytime, any time, at the moment, the moment, in the event, assuming, if and only if, should""")
PROVIDED = table("""provided, provided that, only when, only if, as long as, so long as, given that, while, when, whilst, if,
    on condition that, and only if, and only when, but only if, but only when, with, and if, and when, where, only while, assuming,
    only with, providing""")
UNLESS = table(
    """unless, except when, except if, but not when, but not if, and not when, and not if, not when, not if, excluding when"""
)
THEN = table("then, we, i, you, go ahead and")
OTHERWISE = table("otherwise, else, if not, or else")
WHILE = table("while, as long as, whenever, when, only while, so long as, if, only when, whilst, only as long as")
# In front of the next statement.
AND_SO_ON = table("and, then, also, or")
# "Both A and B": what is meant of those that are listed, and by what they are joined.
LISTS = meanings({("any", small.OR): "either", ("all", small.AND): "both", ("none", small.NOR): "neither"})
BEHIND_CHOICE = table("and, or, then, for, within, on, at, by, from")  # what "either", said alone, ends at
EXCEPT = table("except, but not, excluding, other than, not")
# ", only on Mondays" and ", never when ADX > 30" limit trades; ", not above 80" goes on with a condition.
LIMITING = table("only, not, never, except, excluding")
# These limit in front of the words of a filter alone.
LIMITING_FILTERS = table("only, not, never")
# "only when", "not on": what a limit goes on with
OF_FILTERS = table("after, at, before, between, during, every, from, if, in, on, outside, until, when, while")
BUT_ONLY = table("but only, but not, but never, but")
ONLY_IN = table("but only, but, only")  # "sell when A, but only before 15:50"
BUT_OR_ONLY = table("but, only")
HAPPENS = table("happens, occurs")  # "when A happens, buy"
# Of the conditions on lines of their own, above this one.
ANY_LISTED = table(
    """any of the above, any of these conditions, any of these, one of these, any of them, any condition, any"""
)
ALL_LISTED = table("""all of the above, all of these conditions, all of these, all these conditions, all the conditions, all conditions,
    these conditions, the conditions, conditions, the above, all of them, these, all, both conditions, both, they""")
# Of the conditions on the lines below this one.
ANY_FOLLOWING = table(
    """any of the following, any of these, either of the following, one of the following, at least one of the following"""
)
ALL_FOLLOWING = table(
    """all of the following, all the following, all of these, the following, both of the following, these"""
)
CONDITIONS = table("conditions, rules, criteria")  # "all of the following conditions"
ARE_TRUE = table("are true, is true, are met, is met, are satisfied, hold, apply, occur, are all true, happen")
TRUE = table("true, met, satisfied, fulfilled, apply, hold, hold true, is true, is met")  # "if 1-4 are true, buy"
ELSE = table("otherwise, else")
NOT_OR_ONLY = table("not, only")  # "not on Mondays", "only on Mondays"
AND_OR = table("and, or")
NO = table("no")  # "no more than" is no denial
CLAUSE_JOINS = table("and, or, then")  # words that begin another clause, as marks do
