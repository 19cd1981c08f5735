"""One strategy in sixty forms: sentences, steps, bullets, headings, pseudo-code, with slips."""

from __future__ import annotations

import pytest

from Strategy.text_parser import parse_strategy
from tests.Strategy.notation import comparable, expected

MEANING = {"long": "RSI(14) < 30", "exit": "RSI(14) > 70", "stop": "5%"}
FORMS = [
    "Buy when RSI < 30, sell when RSI > 70, stop 5%",
    "Buy if RSI < 30. Sell if RSI > 70. Stop loss 5%.",
    "Go long when RSI < 30 and exit when RSI > 70 with a 5% stop",
    "Enter long when RSI < 30. Exit when RSI > 70. 5% stop loss.",
    "Enter when RSI < 30; leave when RSI > 70; stop at 5%",
    "1. Buy when RSI < 30\n2. Sell when RSI > 70\n3. Stop loss 5%",
    "1) Buy when RSI < 30 2) Sell when RSI > 70 3) Stop loss 5%",
    "- Buy when RSI < 30\n- Sell when RSI > 70\n- Stop loss: 5%",
    "* Buy: RSI < 30\n* Sell: RSI > 70\n* Stop: 5%",
    "• Buy when RSI < 30\n• Sell when RSI > 70\n• 5% stop",
    "Entry: RSI < 30\nExit: RSI > 70\nStop: 5%",
    "Entry:\n- RSI < 30\nExit:\n- RSI > 70\nRisk:\n- stop loss 5%",
    "Entry rules: RSI below 30\nExit rules: RSI above 70\nRisk management: 5% stop loss",
    "## Entry\nRSI < 30\n## Exit\nRSI > 70\n## Risk\nStop loss 5%",
    "ENTRY: RSI < 30. EXIT: RSI > 70. STOP: 5%.",
    "Entry condition: RSI < 30. Exit condition: RSI > 70. Stop loss: 5%.",
    "Buy signal: RSI < 30. Sell signal: RSI > 70. Stop loss: 5%.",
    "Long entry: RSI < 30. Long exit: RSI > 70. Stop: 5%",
    "When RSI < 30, buy. When RSI > 70, sell. Use a 5% stop.",
    "If RSI is below 30 then buy; if RSI is above 70 then sell; stop 5%",
    "If RSI < 30 buy, if RSI > 70 sell, stop loss of 5%",
    "RSI < 30: buy. RSI > 70: sell. Stop 5%.",
    "Once RSI < 30, go long. Once RSI > 70, close the position. Stop 5%.",
    "Whenever RSI is under 30 I want to buy, and whenever it is over 70 I want to sell. Stop loss 5%.",
    "I buy when RSI < 30 and sell when RSI > 70, using a 5% stop loss",
    "Please build me a strategy that buys when RSI < 30 and sells when RSI > 70 with a stop of 5%",
    "A strategy which goes long when the RSI is below 30 and exits when the RSI is above 70, with a stop loss of 5 percent",
    "Can you buy when RSI is below 30 and sell when it's above 70? Stop 5%.",
    "buy rsi<30 sell rsi>70 stop 5%",
    "buy rsi < 30, sell rsi > 70, sl 5%",
    "BUY WHEN RSI < 30. SELL WHEN RSI > 70. STOP LOSS 5%.",
    "long when rsi below 30, close when rsi above 70, stop 5%",
    "Buy when RSI < 30 and sell when RSI > 70 and use a 5% stop",
    "Sell when RSI > 70, buy when RSI < 30, stop 5%",
    "With a 5% stop loss, buy when RSI < 30 and sell when RSI > 70",
    "Stop loss 5%. Buy when RSI < 30. Sell when RSI > 70.",
    "First, buy when RSI < 30. Then sell when RSI > 70. Finally, set a stop loss at 5%.",
    "Step 1: Buy when RSI < 30. Step 2: Sell when RSI > 70. Step 3: stop 5%.",
    "Open a long position when RSI < 30. Close it when RSI > 70. Stop 5%.",
    "Purchase when RSI < 30; liquidate when RSI > 70; stop 5%",
    "Get in when RSI < 30 and get out when RSI > 70, stop 5%",
    "Buy on RSI < 30, sell on RSI > 70, stop 5%",
    "Buy with RSI < 30, sell with RSI > 70, stop 5%",
    "Buy as soon as RSI < 30 and sell as soon as RSI > 70, stop 5%",
    "Take a long position if the RSI is below 30. Exit the position if the RSI is above 70. The stop loss is 5%.",
    "My idea: buy when RSI < 30, sell when RSI > 70, stop 5%",
    "Strategy: buy when RSI < 30, sell when RSI > 70, stop 5%",
    "Name: Dip\nBuy when RSI < 30, sell when RSI > 70, stop 5%",
    "Buy when RSI(14) < 30 | Sell when RSI(14) > 70 | Stop 5%",
    "buy when the rsi is lower than 30 and sell when the rsi is higher than 70, stoploss 5%",
    "Buy when RSI is under thirty, sell when RSI is over seventy, stop five percent",
    "Buy wen RSI is belwo 30, sel when RSI is abvoe 70, stop los 5%",
    "Trigger a buy when RSI < 30 and a sell when RSI > 70, stop 5%",
    "Entry when RSI < 30, exit when RSI > 70, SL=5%",
    "buy = RSI < 30; sell = RSI > 70; stop = 5%",
    "if (RSI < 30) buy; if (RSI > 70) sell; stop 5%",
    "The system buys if RSI < 30 and it sells if RSI > 70. It uses a 5% stop.",
    "Hello! Buy when RSI < 30, sell when RSI > 70 and keep a stop at 5%. Thanks!",
]


@pytest.mark.parametrize("text", FORMS)
def test_form(text: str) -> None:
    assert comparable(parse_strategy(text).require()) == comparable(expected(MEANING))
