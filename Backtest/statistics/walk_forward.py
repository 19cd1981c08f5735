"""Choosing on the past, judging on what came after.

Sources:
    Pardo, R. (2008), "The evaluation and optimization of trading strategies", 2nd ed., ch. 11: walk-forward, efficiency.
    López de Prado, M. (2018), "Advances in financial machine learning", ch. 7: purging and embargo.
"""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.errors import InvalidInput


@dataclass(frozen=True)
class Fold:
    """Bars to choose on and bars to judge on, both [begin, end)."""

    train: tuple[int, int]
    test: tuple[int, int]


def windows(
    bars: int,
    *,
    first: int = 0,
    folds: int = 5,
    anchored: bool = False,
    train_share: float = 0.5,
    purge: int = 0,
    embargo: int = 0,
) -> list[Fold]:
    """Return windows whose tests follow each other to the end of the data.

    Args:
        bars: of all prices; those before `first` are history that nothing is judged on.
        anchored: training begins at the first bar each time; otherwise it keeps its length and rolls on.
        train_share: the part of the data the first training has.
        purge: bars left out at the end of each training, whose trades may reach into the test.
        embargo: bars left out between a training and its test as well, while what is known of the training fades.

    Raises:
        InvalidInput: a training or a test would be empty.
    """
    graded = bars - first
    training = int(graded * train_share)
    length = (graded - training) // folds
    if length < 1 or training - purge < 1 or length - embargo < 1:
        raise InvalidInput(f"{graded} bars are too few for {folds} folds with purge {purge} and embargo {embargo}")
    found = []
    for fold in range(folds):
        edge = first + training + fold * length
        begin = first if anchored else edge - training
        end = bars if fold == folds - 1 else edge + length
        found.append(Fold((begin, edge - purge), (edge + embargo, end)))
    return found
