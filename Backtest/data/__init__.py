"""Where prices come from: one protocol, several providers, one frame form."""

from Backtest.data.bundled import SYMBOLS, BundledProvider
from Backtest.data.cache import CachedProvider
from Backtest.data.prices import PriceData, PriceRequest, Provider, in_zone
from Backtest.data.quality import doubts, gap_notes, quality_report, spike_notes, split_suspects
from Backtest.data.uploaded import Upload, UploadedProvider
from Backtest.data.yahoo import YahooProvider

__all__ = [
    "SYMBOLS", "BundledProvider", "CachedProvider", "PriceData", "PriceRequest", "Provider", "Upload",
    "UploadedProvider", "YahooProvider", "doubts", "gap_notes", "in_zone", "quality_report", "spike_notes",
    "split_suspects",
]  # fmt: skip
