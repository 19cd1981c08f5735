"""What holds for every strategy and every text."""

from __future__ import annotations

import ast
import random
import re
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from Backtest.canonical import CanonicalStrategy
from Backtest.canonical.differences import changes
from Backtest.diagnostics import load_canonical
from Backtest.errors import AlgoAgentError, TooLarge
from Strategy.reading.text.lexer import MAX_LENGTH
from Strategy.text_parser import parse_strategy
from Strategy.words import vocabulary
from tests.explore import EXPLORES, examples
from tests.random_strategies import strategies
from tests.Strategy.notation import comparable

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=examples(55), **QUIET)
@given(strategies())
def test_its_plain_english_parses_to_the_same_strategy(strategy: CanonicalStrategy) -> None:
    text = strategy.notation()
    parsed = parse_strategy(text)
    assert parsed.strategy is not None, [text, *parsed.diagnostics]
    assert parsed.strategy.trading_core() == strategy.trading_core(), text
    assert not parsed.leftover


@settings(max_examples=examples(30), **QUIET)
@given(strategies())
def test_json_round_trip_is_the_identity(strategy: CanonicalStrategy) -> None:
    again = load_canonical(strategy.model_dump(mode="json")).require()
    assert again == strategy
    assert again.content_hash() == strategy.content_hash()
    assert changes(again, strategy) == []


WORDS = st.sampled_from(sorted(vocabulary()))
NUMBERS = st.one_of(st.integers(-5, 10**12).map(str), st.floats(allow_nan=False).map(str))
SOUP = st.lists(st.one_of(WORDS, NUMBERS, st.sampled_from(list(",.;:()<>=%$\n#-/&|!\"'"))), max_size=120)


def answers(text: str) -> None:
    """Assert that a text gets an answer, whatever it is; the cursor bounds how much work it may be."""
    with suppress(AlgoAgentError):
        parsed = parse_strategy(text)
        assert parsed.strategy is not None or (parsed.errors and parsed.questions)


@settings(max_examples=examples(30), **QUIET)
@given(SOUP)
def test_a_soup_of_trading_words_gets_an_answer(words: list[str]) -> None:
    answers(" ".join(words))


@settings(max_examples=examples(40), **QUIET)
@given(st.text(max_size=2000))
@example("\x00" * 50)
@example("💥 buy when RSI < 30 \u202e sell")
@example("buy when " * 1000)
@example("not " * 2400)
@example("(" * 9000)
@example("buy when RSI < 30 and " * 450)
@example("RSI(14) " * 1200)
@example("9" * 9000)
@example("1e999 % $ 1/0")
@example("neither " * 1200)
@example("within the last 5 bars " * 430)
@example("((RSI < 30) and " * 600)
@example("- " * 5000)
@example("buy when RSI not not " * 470)
def test_noise_gets_an_answer(text: str) -> None:
    answers(text)


@settings(max_examples=examples(30), **QUIET)
@given(st.lists(WORDS, min_size=1, max_size=6).map(" ".join))
def test_no_word_is_dropped_silently(noise: str) -> None:
    """Words added to a strategy are part of it, or named, or the strategy is refused."""
    text = f"Buy when RSI(14) < 30, sell when RSI(14) > 70. zyxgibberish {noise} qqunknown."
    parsed = parse_strategy(text)
    said = " ".join([*parsed.leftover, *(d.message for d in parsed.diagnostics)])
    assert "zyxgibberish" in said
    assert "qqunknown" in said
    assert parsed.strategy is None


def test_ten_thousand_characters_and_no_more() -> None:
    parse_strategy(" " * MAX_LENGTH)
    with pytest.raises(TooLarge, match="10001 characters"):
        parse_strategy("a" * (MAX_LENGTH + 1))


def test_every_word_knows_its_part() -> None:
    text = (
        "Buy AAPL when RSI < 30 and the close is above SMA(200); sell when RSI > 70. Stop loss 5%. Risk 1% per trade."
    )
    parsed = parse_strategy(text)
    parts = {text[s.start : s.end]: s.part for s in parsed.spans}
    covered = "".join(parts)
    for word in ("AAPL", "RSI < 30", "SMA(200)", "Stop loss 5%", "Risk 1% per trade"):
        assert word.replace(" ", "") in covered.replace(" ", ""), parts
    assert len({*parts.values()}) > 2


def test_text_is_data_in_the_code_and_the_names() -> None:
    from Backtest.code.generator import generate_code

    text = 'Name: x"""; import os; os.system("id") #\nBuy when RSI < 30, sell when RSI > 70'
    parsed = parse_strategy(text)
    strategy = (
        parsed.strategy
        or parse_strategy("Buy when RSI < 30, sell when RSI > 70", name='x"""\nimport os\n../../etc/passwd').require()
    )
    code = generate_code(strategy).code
    imports = {n.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import) for n in node.names}
    assert "os" not in imports
    assert ".." not in generate_code(strategy).class_name


# What a trader may add to a rule, of which none may vanish: it changes the strategy, or is quoted.
MODIFIERS = (
    "twice", "half", "only once", "except in December", "after lunch", "if volume is high", "for the second time",
    "three times", "below 20", "in the morning", "by 3%", "for the first time", "at least twice", "unless it rains",
    "with low volume", "when the market is bullish", "significantly", "again", "before noon", "within 10 minutes",
    "once more", "on the second bar", "with a limit order", "after a pullback", "at support", "in an uptrend",
    "confirmed by volume", "with momentum", "at the end of the month", "every second day", "once a week",
    "max 2 trades a day", "if not already long", "but not both", "slightly", "sharply", "roughly", "quickly",
)  # fmt: skip
SENTENCES = [
    entry["say"]
    for path in sorted((Path(__file__).parent.parent / "corpus").glob("*.yaml"))
    for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    if "refused" not in entry and "\n" not in entry["say"]
]


@pytest.mark.parametrize("modifier", MODIFIERS)
def test_no_modifier_vanishes(modifier: str) -> None:
    chance = random.Random(modifier)
    for say in chance.sample(SENTENCES, 100 if EXPLORES else 8):
        cut = chance.choice([i for i, c in enumerate(say) if c in ",.;"] or [len(say)])
        text = f"{say[:cut]} {modifier}{say[cut:]}"
        changed, plain = parse_strategy(text), parse_strategy(say)
        if changed.strategy is not None:
            assert comparable(changed.strategy) != comparable(plain.require()), text


def test_no_number_vanishes() -> None:
    """Another number in a sentence is another strategy, or none; the numbers of steps apart."""
    checked = 0
    for say in SENTENCES if EXPLORES else SENTENCES[::5]:
        plain = comparable(parse_strategy(say).require())
        for found in re.finditer(r"\d+(?:\.\d+)?", say):
            if ":" in (say[found.start() - 1 : found.start()], say[found.end() : found.end() + 1]):
                continue  # of a ratio, both sides count together
            other = f"{float(found[0]) + 3:g}" if "." in found[0] else str(int(found[0]) + 3)
            changed = parse_strategy(say[: found.start()] + other + say[found.end() :])
            checked += 1
            assert changed.strategy is None or comparable(changed.strategy) != plain, (say, found[0])
    assert checked > 300
