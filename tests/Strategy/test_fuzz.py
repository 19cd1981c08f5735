"""Random joins of the vocabulary get an answer or the domain's error, never another exception.

`FUZZ_TEXTS` says how many texts are tried (400 by default), `FUZZ_SEED` which ones.
"""

from __future__ import annotations

import os
import random

from Backtest.errors import AlgoAgentError
from Strategy.text_parser import parse_strategy
from Strategy.words import tables

TEXTS = int(os.environ.get("FUZZ_TEXTS", "400"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
PHRASES = [phrase for phrases in tables().values() for phrase in phrases]
CLAUSES = (
    "buy when RSI < 30", "sell when RSI > 70", "Buy GOOG when", "exit when", "short when MACD crosses below signal", "cover when", "Entry:", "Exit:", "Long:",
    "Short:", "and", "or", ",", ".", ";", "\n", "- ", "|", "it is above", "both are", "the 15 crosses above", "before 15:50", "after 10 bars", "5%", "30", "0",
    "1.5", "2 ATR", "oversold", "the 200 MA", "stop", "target 10%", "BTCUSDT", "(", ")", "not", "while", "otherwise", "5m bars", "drops 5%", "touches",
)  # fmt: skip


def random_text(chance: random.Random) -> str:
    """Return 2 to 12 pieces: half of them phrases of the vocabulary, half clauses and marks."""
    return " ".join(
        chance.choice(PHRASES) if chance.random() < 0.5 else chance.choice(CLAUSES)
        for _ in range(chance.randint(2, 12))
    )


def test_no_join_of_the_vocabulary_raises_anything_but_the_domain_error() -> None:
    chance = random.Random(SEED)
    for _ in range(TEXTS):
        text = random_text(chance)
        try:
            parsed = parse_strategy(text)
        except AlgoAgentError:
            continue
        except Exception as error:
            raise AssertionError(f"{text!r} raised {error!r}") from error
        assert parsed.strategy is not None or (parsed.errors and parsed.questions), text


def test_what_is_read_is_read_again_from_its_own_plain_english() -> None:
    chance = random.Random(SEED + 1)
    read = 0
    for _ in range(TEXTS // 5):
        text = "buy when RSI < 30 " + random_text(chance)
        try:
            strategy = parse_strategy(text).strategy
        except AlgoAgentError:
            continue
        if strategy is not None:
            read += 1
            again = parse_strategy(strategy.describe())
            assert again.strategy is not None, [text, *again.errors]
            assert again.strategy.trading_core() == strategy.trading_core(), text
    assert read > 0
