"""Words that compare: above, crosses, between, by how much."""

from __future__ import annotations

from itertools import product

from Strategy.words.table import Table, meanings, table


def _verbs(stems: str) -> list[str]:
    """Return all forms of verbs given as `base|s-form|ing|past`."""
    return [form for stem in stems.split() for form in stem.replace("_", " ").split("|")]


_UP_VERBS = _verbs(
    "cross|crosses|crossing|crossed break|breaks|breaking|broke move|moves|moving|moved go|goes|going|went "
    "rise|rises|rising|rose climb|climbs|climbing|climbed push|pushes|pushing|pushed jump|jumps|jumping|jumped "
    "turn|turns|turning|turned get|gets|getting|got pop|pops|popping|popped come|comes|coming|came "
    "shoot|shoots|shooting|shot pass|passes|passing|passed poke|pokes|poking|poked soar|soars|soaring|soared "
    "surge|surges|surging|surged spike|spikes|spiking|spiked advance|advances|advancing|advanced bounce|bounces|bouncing|bounced"
)

_DOWN_VERBS = _verbs(
    "cross|crosses|crossing|crossed break|breaks|breaking|broke move|moves|moving|moved go|goes|going|went "
    "drop|drops|dropping|dropped fall|falls|falling|fell dip|dips|dipping|dipped slip|slips|slipping|slipped "
    "sink|sinks|sinking|sank slide|slides|sliding|slid decline|declines|declining|declined turn|turns|turning|turned "
    "come|comes|coming|came get|gets|getting|got crash|crashes|crashing|crashed dive|dives|diving|dived pass|passes|passing|passed "
    "slump|slumps|slumping|slumped tumble|tumbles|tumbling|tumbled plunge|plunges|plunging|plunged retreat|retreats|retreating|retreated"
)

_ABOVE = [
    "above",
    "over",
    "back above",
    "up above",
    "up through",
    "up over",
    "back over",
    "upward through",
    "higher than",
    "out above",
    "to above",
    "upwards through",
]

_BELOW = [
    "below",
    "under",
    "back below",
    "beneath",
    "down through",
    "down below",
    "back under",
    "underneath",
    "lower than",
    "out below",
    "to below",
    "downward through",
    "downwards through",
    "down under",
]


def _crosses() -> Table:
    phrases = Table({f"{v} {d}": "above" for v, d in product(_UP_VERBS, _ABOVE)})
    phrases |= {f"{v} {d}": "below" for v, d in product(_DOWN_VERBS, _BELOW)}
    back = ("close", "closes", "closing", "closed")
    phrases |= {f"{v} back {d}": "above" for v, d in product(back, ("above", "over", "up above", "up over"))}
    phrases |= {
        f"{v} back {d}": "below" for v, d in product(back, ("below", "under", "beneath", "down below", "underneath"))
    }
    for verbs, others, way in ((_UP_VERBS, _DOWN_VERBS, "above"), (_DOWN_VERBS, _UP_VERBS, "below")):
        phrases |= {f"{v} {d}": way for v, d in product(verbs, ("past", "beyond", "through")) if v not in others}
    phrases |= table(
        "crosses up, crossing up, cross up, crossed up, crosses upward, crosses upwards, crossover above, crossover over, "
        "cross over, crosses over, crossing over, breaks out above, breakout above, break out above, breaks through above, "
        "breaks up through, crosses up through, surpasses, surpass, exceeded, breaks out over, breaking out above, "
        "bounces above, bounces back above, recovers above, reclaims, reclaim, breakout over, crosses to the upside, "
        "crosses above or through, overtakes, overtake, overtook",
        "above",
    )
    phrases |= table(
        "crosses down, crossing down, cross down, crossed down, crosses downward, crosses downwards, crossunder, "
        "cross under, crosses under, breaks down below, breakdown below, break down below, breaks down through, "
        "crosses down through, crosses back under, loses, falls back below, crosses to the downside, drops back below",
        "below",
    )
    return phrases


ABOVE = meanings(
    {
        ">": """>, above, over, greater than, more than, higher than, exceeds, exceed, exceeding, bigger than, larger than, is above, north of,
        on top of, stays above, trades above, holds above, greater, higher, up above, tops, beats, is over, in excess of""",
        "<": """<, below, under, less than, lower than, smaller than, beneath, underneath, south of, stays below, trades below, holds below,
        fewer than, is under, less, lower, undercuts""",
        ">=": """>=, at least, no less than, not less than, greater than or equal to, above or equal to, at or above, or more than,
        more than or equal to, a minimum of, minimum, greater or equal to, equal to or above, not below, no lower than, above or at,
        equal to or greater than""",
        "<=": """<=, at most, no more than, not more than, less than or equal to, below or equal to, at or below, up to, a maximum of, maximum,
        lower than or equal to, equal to or below, not above, no higher than, below or at, equal to or less than""",
        "==": "=, equals, equal to, exactly, equal",
    }
)
CROSS = _crosses()
CROSSES = table("""cross, crosses, crossing, crossed, crossover, crossovers, cross over each other, intersect, intersects, crosses through,
    breaks, break, breaking, breaks through, crossing through, breaches, takes out, take out, taking out, took out""")
BETWEEN = table(
    """between, in between, inside, within the range, in the range, in the range of, in the range from, ranging from"""
)
NAMED_CROSS = meanings(
    {
        "golden": "golden cross, golden crossover, goldencross",
        "death": "death cross, death crossover, dead cross, deathcross",
    }
)
# Which way a line was crossed, said behind it.
WAYS = meanings(
    {
        "above": "from below, from underneath, to the upside, upward, upwards, up",
        "below": "from above, to the downside, downward, downwards, down",
    }
)
WAYS_BACK = meanings({"above": "back above, back over", "below": "back below, back under"})
# Verbs that name no direction.
UNDIRECTED = table("cross, crossed, crosses, crossing, intersect, intersects")
# Verbs of a break, which is one anew on each bar where the level moves on with the bars.
BREAKING = table("""breaches, break, breakdown, breakdowns, breaking, breakout, breakouts, breaks, broke, exceeded, surpass, surpasses,
    take, takes, taking, took""")
FROM_BELOW = table("from below, from underneath")
FROM_ABOVE = table("from above")
CROSSUNDER = table("crossunder, cross under, crossunders")  # "the 10/20 EMA crossunder"
# "moves from below -100 to above -100"
MOVES_FROM = table("moves from, goes from, comes from, rises from, climbs from, falls from, drops from")
PRICE_VERBS = table("closes, closed, trades")  # "the SMA the price closes above"
IS_BEFORE_BACK = table("is, are, was")  # "is back above"
TO_BOUND = table("and, to, -")  # "between 30 and 50"
BY_DISTANCE = table("by at least, by more than, by")  # "above the SMA by 2%"
OFF = table("from, off, below")  # "a 5% pullback from the high"
OR_GREATER = table("or more, or greater")
OR_MORE = table("or more")
BREAK_OF = table("break of, breaks of, breakout of, breakouts of, breakdown of")  # "a break of yesterday's high"
# How far "> 2% below X" is: a sign in front of a distance compares the distance, as "more than" does.
AT_LEAST = table("at least, >=, no less than, not less than, a minimum of")
FARTHER = table("more than, over, >, greater than, exceeds, in excess of")
NEARER = table("up to, at most, no more than, less than, not more than, <, <=")
OR_BEYOND = meanings({"<=": "or below, or lower, or less, or under", ">=": "or above, or higher, or more, or over"})
