"""Places for jobs are shared: nobody waits behind the many jobs of another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context

import pytest

from Backtest.errors import ExecutionError, TooBusy
from Backtest.machine.places import Asker, Bound, Often, Places, elsewhere, in_turn, no_later_than, working_for


class Holder(threading.Thread):
    """A job of somebody's that holds its place until it is let go."""

    def __init__(self, places: Places, name: str, order: list[str], check: Callable[[], None] = lambda: None) -> None:
        super().__init__(daemon=True)
        self.places, self.asker, self.order = places, Asker(name, check), order
        self.has, self.release, self.error = threading.Event(), threading.Event(), ""
        self.start()

    def run(self) -> None:
        try:
            with working_for(self.asker), self.places.one():
                self.order.append(self.asker.name)
                self.has.set()
                self.release.wait(30)
        except (TooBusy, ExecutionError) as error:
            self.error = error.message
            self.has.set()


def settled(places: Places, waiting: int) -> None:
    """Wait until so many wait."""
    until = time.monotonic() + 30
    while len(places._waiting) != waiting:
        assert time.monotonic() < until, places._waiting
        time.sleep(0.01)


def test_one_asker_has_a_share_and_another_is_not_held_up() -> None:
    places, order = Places(4, share=2, queue=8, what="runs"), []
    ada = [Holder(places, "ada", order) for _ in range(6)]
    settled(places, 4)
    bob = Holder(places, "bob", order)
    assert bob.has.wait(30), "four of ada's wait, and his runs"
    assert order == ["ada", "ada", "bob"]
    bob.release.set()
    bob.join(30)
    for one in ada:
        one.release.set()
    for one in ada:
        one.join(30)
    assert order == ["ada", "ada", "bob", *["ada"] * 4]
    assert places._held.total() == 0


def test_the_last_place_is_kept_for_who_holds_none() -> None:
    places, order = Places(4, share=2, queue=8, what="runs"), []
    held = [Holder(places, name, order) for name in ("ada", "ada", "bob")]
    for one in held:
        assert one.has.wait(30)
    held.append(Holder(places, "bob", order))
    settled(places, 1)
    cleo = Holder(places, "cleo", order)
    assert cleo.has.wait(30)
    assert order[-1] == "cleo"
    assert order.count("bob") == 1
    for one in (*held, cleo):
        one.release.set()
        one.join(30)
    assert order.count("bob") == 2


def test_who_holds_the_fewest_comes_first_and_then_who_came_first() -> None:
    places, order = Places(2, share=2, queue=8, what="runs"), []
    first = Holder(places, "ada", order)
    assert first.has.wait(30)
    system = Holder(places, "", order)
    assert system.has.wait(30)
    waiting = []
    for number, name in enumerate(("ada", "ada", "bob", "cleo"), start=1):
        waiting.append(Holder(places, name, order))
        settled(places, number)
    system.release.set()
    assert waiting[2].has.wait(30), "bob holds none, ada one"
    first.release.set()
    assert waiting[0].has.wait(30), "neither holds one, and hers came before cleo's"
    for one in waiting:
        one.release.set()
        one.join(30)
    assert order[:4] == ["ada", "", "bob", "ada"]


def test_more_than_may_wait_are_refused_with_what_to_do() -> None:
    places, order = Places(2, share=1, queue=3, what="runs"), []
    held = [Holder(places, "ada", order) for _ in range(4)]
    settled(places, 3)
    refused = Holder(places, "ada", order)
    assert refused.has.wait(30)
    assert refused.error == "1 of your runs are under way and 3 wait: wait until they are done"
    assert Holder(places, "bob", order).has.wait(30)
    for one in held:
        one.release.set()


def test_who_hung_up_waits_no_longer() -> None:
    places, order, gone = Places(2, share=1, queue=3, what="runs"), [], threading.Event()

    def check() -> None:
        if gone.is_set():
            raise ExecutionError("The client hung up", exit_reason="cancelled")

    held = Holder(places, "ada", order)
    assert held.has.wait(30)
    waits = Holder(places, "ada", order, check)
    settled(places, 1)
    gone.set()
    assert waits.has.wait(30)
    assert waits.error == "The client hung up"
    settled(places, 0)
    held.release.set()
    held.join(30)
    assert places._held.total() == 0


def test_the_system_has_no_share() -> None:
    places, order = Places(3, share=1, queue=1, what="runs"), []
    held = [Holder(places, "", order) for _ in range(3)]
    for one in held:
        assert one.has.wait(30)
        one.release.set()


@pytest.mark.parametrize("total", [1, 2])
def test_few_places_are_all_used(total: int) -> None:
    places, order = Places(total, share=max(1, total // 2), queue=8, what="runs"), []
    held = [Holder(places, name, order) for name in ("ada", "bob", "cleo")]
    settled(places, 3 - total)
    for one in held:
        one.release.set()
        one.join(30)
    assert sorted(order) == ["ada", "bob", "cleo"]


def test_what_is_open_is_bounded_and_counts_until_it_is_closed() -> None:
    streams = Bound(2, "streams")
    with working_for(Asker("ada")):
        close, _ = streams.take(), streams.take()
        with pytest.raises(TooBusy, match="You have 2 streams open: close one"):
            streams.take()
        close()
        close()  # once more changes nothing
        streams.take()
        with pytest.raises(TooBusy):
            streams.take()
    with working_for(Asker("bob")):
        streams.take()
    for _ in range(5):
        streams.take()  # the system's own


def test_a_time_for_all_ends_who_waits_and_asks_the_one_before() -> None:
    places, order, asked = Places(1, share=1, queue=3, what="runs"), [], []
    held = Holder(places, "bob", order)
    assert held.has.wait(30)
    with (
        working_for(Asker("ada", lambda: asked.append(1))),
        no_later_than(time.monotonic() + 0.3),
        pytest.raises(ExecutionError, match="The time given for all runs together is over"),
        places.one(),
    ):
        raise AssertionError("bob holds the only place")
    assert asked
    held.release.set()


# -- Turns -------------------------------------------------------------------------------------------


class Turn(threading.Thread):
    """A request of somebody's that works, waits elsewhere, works again, as it is told."""

    def __init__(self, turns: Places, name: str) -> None:
        super().__init__(daemon=True)
        self.turns, self.asker = turns, Asker(name)
        self.works, self.waits, self.works_again = threading.Event(), threading.Event(), threading.Event()
        self.wait, self.go_on, self.end = threading.Event(), threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with working_for(self.asker), in_turn(self.turns):
            self.works.set()
            self.wait.wait(30)
            with elsewhere():
                self.waits.set()
                self.go_on.wait(30)
            self.works_again.set()
            self.end.wait(30)


def test_requests_of_one_take_turns_and_one_that_waits_elsewhere_gives_its_turn() -> None:
    turns = Places(100, share=1, queue=8, what="requests")
    first = Turn(turns, "ada")
    assert first.works.wait(30)
    second = Turn(turns, "ada")
    settled(turns, 1)
    assert not second.works.is_set(), "the first one works"
    bob = Turn(turns, "bob")
    assert bob.works.wait(30), "somebody else's works beside it"
    first.wait.set()
    assert second.works.wait(30), "the first one waits elsewhere"
    first.go_on.set()
    settled(turns, 1)
    assert not first.works_again.is_set(), "the second one works"
    second.wait.set()
    assert first.works_again.wait(30)
    for one in (first, second, bob):
        one.wait.set()
        one.go_on.set()
        one.end.set()
        one.join(30)
    assert turns._held.total() == 0


def test_threads_of_a_request_have_no_turn_of_their_own_to_give() -> None:
    turns, seen = Places(100, share=1, queue=8, what="requests"), []
    with working_for(Asker("ada")), in_turn(turns):
        with elsewhere():
            held = copy_context()
            seen.append(turns._held["ada"])

        def work() -> None:
            with elsewhere():
                seen.append(turns._held["ada"])

        thread = threading.Thread(target=held.run, args=(work,))
        thread.start()
        thread.join(30)
    assert seen == [0, 1]


def test_who_worked_rests_as_long_while_there_are_others() -> None:
    turns = Places(100, share=1, queue=8, what="requests", rests=True)

    def work(name: str, seconds: float = 0.0) -> float:
        with working_for(Asker(name)), in_turn(turns):
            began = time.monotonic()
            time.sleep(seconds)
        return began

    work("ada", 0.3)
    assert not turns._until, "alone there is no rest"
    work("bob")
    work("ada", 0.3)
    ended = time.monotonic()
    assert work("ada") - ended > 0.25


def test_who_asks_often_is_told_so_until_it_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    often = Often(3, forgets_s=2.0)
    assert [often.counted("ada") for _ in range(5)] == [False, False, False, True, True]
    assert not often.counted("bob")
    assert not any(often.counted("") for _ in range(9)), "the system itself is never counted"
    now[0] += 2.0
    assert often.counted("ada"), "six were asked for, one is forgotten"
    now[0] += 12.0
    assert not often.counted("ada")
    for _ in range(100):
        often.counted("ada")
    now[0] += 8.1
    assert not often.counted("ada"), "no more than six are remembered"
