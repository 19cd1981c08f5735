"""What work takes of this machine: how much at a time, in which order, within which limits, and files that are whole."""

from Backtest.machine.folders import cache_folder
from Backtest.machine.limited import MIB, MOST_BYTES, Ended, TookTooLong, TookTooMuch, WorkLimits, begin_with, working
from Backtest.machine.owners import is_gone, own_name
from Backtest.machine.places import (
    Asker,
    Bound,
    Often,
    Places,
    asker,
    breathe,
    elsewhere,
    in_turn,
    no_later_than,
    working_for,
)
from Backtest.machine.priority import aside, give_way, nice_of_this_thread, serve_in_the_background, session_gives_way
from Backtest.machine.whole_files import LEFT, write_whole

__all__ = [
    "LEFT", "MIB", "MOST_BYTES", "Asker", "Bound", "Ended", "Often", "Places", "TookTooLong", "TookTooMuch",
    "WorkLimits", "aside", "asker", "begin_with", "breathe", "cache_folder", "elsewhere", "give_way", "in_turn", "is_gone",
    "nice_of_this_thread", "no_later_than", "own_name", "serve_in_the_background", "session_gives_way", "working",
    "working_for", "write_whole",
]  # fmt: skip
