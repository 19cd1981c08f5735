"""One turn of a conversation while it is answered: what is known, what was done, what happens."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from ai_api.services import UserLedger
from auth_api.models import User
from Backtest.errors import StrategyError
from backtest_api import selectors as runs
from backtest_api.models import BacktestRun
from Strategy.talk import Turn
from strategy_api.models import Strategy

HELP = (
    "Describe a strategy (\"Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%\"), change it (\"make the stop 3% and only trade "
    "Mondays\"), test it (\"test it on MSFT since 2005\"), ask why (\"why no trade on 2007-03-01?\"), compare (\"compare it on AAPL and "
    "MSFT\"), research (\"search for momentum strategies\") or deploy it."
)  # fmt: skip


@dataclass
class Event:
    """What happens while an answer is made: session, action, text, done."""

    kind: str
    data: dict[str, Any]


@dataclass
class Talk:
    """One turn under way.

    Args:
        state: what the session remembers: strategy_id, run_ids, pending, timezone.
        wait_s: how long to wait for a backtest before saying that it is still under way.
        here: run backtests in this process, where no worker is.
        confirmed: the strategy and version that the message before asked a yes for.
        foreign: words of strangers stand in the answer.
    """

    user: User
    session_id: str
    message: str
    state: dict[str, Any]
    earlier: list[Turn]
    ledger: UserLedger
    wait_s: float = 0.0
    here: bool = False
    confirmed: list[int] | None = None
    actions: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    answered_by: str = "rules"
    foreign: bool = False

    @property
    def strategy(self) -> Strategy | None:
        known = self.state.get("strategy_id")
        return Strategy.objects.filter(user=self.user, pk=known).first() if known else None

    @property
    def current(self) -> Strategy:
        """The strategy that is talked about. StrategyError where there is none yet."""
        if (found := self.strategy) is None:
            raise StrategyError("There is no strategy in this conversation yet: describe one first", suggestions=[HELP])
        return found

    @property
    def runs(self) -> list[BacktestRun]:
        """The backtests of this conversation, the oldest first."""
        return list(runs.runs_of(user=self.user).filter(pk__in=self.state.get("run_ids", [])).order_by("id"))

    def remember_run(self, run: BacktestRun) -> None:
        self.state["run_ids"] = [*self.state.get("run_ids", []), run.pk][-20:]

    def act(self, action: str, **data: Any) -> Event:
        self.actions.append({"action": action, **data})
        return Event("action", self.actions[-1])


Reply = Generator[Event | str, None, None]
