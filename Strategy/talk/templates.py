"""Classic strategies by name, each a sentence that the parser reads; none names a symbol."""

from __future__ import annotations

TEMPLATES: dict[str, str] = {
    "ema_crossover": "Buy when EMA(20) crosses above EMA(50), sell when EMA(20) crosses below EMA(50).",
    "sma_crossover": "Buy when SMA(20) crosses above SMA(50), sell when SMA(20) crosses below SMA(50).",
    "golden_cross": "Buy when SMA(50) crosses above SMA(200), sell when SMA(50) crosses below SMA(200).",
    "rsi_mean_reversion": "Buy when RSI(14) is below 30, sell when RSI(14) is above 70, stop loss 5%.",
    "rsi2_pullback": "Buy when RSI(2) is below 10 and close is above SMA(200), sell when close is above SMA(5).",
    "macd_crossover": "Buy when MACD crosses above its signal line, sell when MACD crosses below its signal line.",
    "bollinger_reversion": "Buy when close is below the lower Bollinger band, sell when close is above the middle Bollinger band.",
    "bollinger_breakout": "Buy when close crosses above the upper Bollinger band, sell when close crosses below the middle Bollinger band.",
    "donchian_breakout": "Buy when close is above the highest high of the last 20 bars, sell when close is below the lowest low of the last 10 bars.",
    "supertrend": "Buy when close crosses above Supertrend(10, 3), sell when close crosses below Supertrend(10, 3).",
    "momentum": "Buy when ROC(126) is above 0, sell when ROC(126) is below 0.",
    "stochastic_reversal": "Buy when Stochastic %K crosses above 20, sell when Stochastic %K crosses below 80, stop loss 5%.",
    "trend_filter": "Buy when close crosses above SMA(200), sell when close crosses below SMA(200).",
    "atr_trailing_trend": "Buy when close crosses above EMA(50), trailing stop 3 ATR.",
}


def template_text(text: str) -> str:
    """Return the sentence of a template where a text is nothing but its name, otherwise the text."""
    name = text.strip().casefold().replace(" ", "_").replace("-", "_")
    return TEMPLATES.get(name, text)
