"""`make attack`: everything that is tried against the system, and a table of what held; `--write` puts it into docs/sandbox.md.

An attempt is a test, or one of the many that a test makes of a list; a test holds or fails with all of its own.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

# What is tried, in which tests, and what holds.
KINDS = {
    "Reaching out: files, network, other processes, other jobs": (
        ["tests/escape/test_containers.py", "tests/escape/test_reach.py", "tests/escape/test_kernel.py"],
        "namespaces without network and files, a filter of system calls, an interpreter for one job",
    ),
    "Bombs: memory, processes, files, output, time": (
        ["tests/escape/test_resources.py"],
        "limits of the kernel and of control groups, a clock outside, answers bounded while they are read",
    ),
    "Forged figures: fills, money, dates, sizes, patched libraries, answers for another job": (
        ["tests/escape/test_forgery.py", "tests/escape/test_series.py", "tests/Backtest/test_audit.py", "tests/api/test_broker.py"],
        "decisions cross the border, and the broker outside makes every fill and figure; a difference fails the run",
    ),
    "Looking ahead": (
        ["tests/lookahead", "tests/escape/test_stream.py"],
        "bars come one after the other where the code allows it; else it runs again on prices that end at bars drawn anew",
    ),
    "Kills at each step of deployments, uploads and conversations, foreign files, full disks, clocks set back": (
        ["tests/api/test_operations.py", "tests/api/test_workers.py", "tests/api/test_workers_failing.py", "tests/api/test_jobs.py"],
        "rows, files and repository change together or not at all; what was left is undone by the next start",
    ),
    "Words that become code": (
        ["tests/api/test_injections.py", "tests/Strategy/test_fuzz.py"],
        "the code is written from checked numbers and names of a list, never from text",
    ),
    "Files and pages that unpack to gigabytes or take minutes": (
        ["tests/Backtest/test_importing_limits.py", "tests/Strategy/test_page_reading.py", "tests/Strategy/test_web_text.py"],
        "read in a process with bounded memory and time; one deadline for all of a fetch; public addresses only",
    ),
    "Slowing others": (
        ["tests/api/test_fairness.py", "tests/Backtest/test_places.py"],
        "places, uploads and streams are bounded for each user, and the last place is kept",
    ),
    "Doors: passwords, tokens, headers, another's objects": (
        ["tests/api/test_doors.py", "tests/api/test_auth.py", "tests/api/test_security.py", "tests/api/test_ownership.py"],
        "waits by account and address, sessions that end, queries scoped to their owner",
    ),
    "Requests that are not as the schema says": (
        ["tests/api/test_openapi.py", "tests/api/test_bad_input.py", "tests/api/test_unknown_fields.py"],
        "every field is checked at the boundary, and an answer is a 4xx that names it",
    ),
    "Careless starts": (
        ["tests/api/test_environment.py", "tests/api/test_settings.py"],
        "settings that cannot work, or are unsafe, are refused by name",
    ),
}  # fmt: skip
PLACE = Path(__file__).resolve().parent.parent / "docs" / "sandbox.md"
BEGIN, END = "<!-- made by make attack -->\n", "<!-- end -->\n"


class Counted:
    """A plugin of pytest: how many tests of each kind there were, held, and could not run here."""

    def __init__(self) -> None:
        self.held, self.failed, self.skipped = Counter[str](), Counter[str](), Counter[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        kind = next(k for k, (paths, _) in KINDS.items() if any(report.nodeid.startswith(p) for p in paths))
        if report.skipped:
            self.skipped[kind] += 1
        elif report.failed:
            self.failed[kind] += 1
        elif report.when == "call":
            self.held[kind] += 1


def table(counted: Counted) -> str:
    """Return what was tried, as Markdown."""
    lines = ["| what | tried | held | how |", "| --- | ---: | ---: | --- |"]
    for kind, (_, how) in KINDS.items():
        tried = counted.held[kind] + counted.failed[kind]
        left = f" ({counted.skipped[kind]} could not run)" if counted.skipped[kind] else ""
        lines.append(f"| {kind} | {tried}{left} | {counted.held[kind]} | {how} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    counted = Counted()
    status = pytest.main([path for paths, _ in KINDS.values() for path in paths], plugins=[counted])
    print(found := table(counted))
    if "--write" in sys.argv and not status:
        text = PLACE.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        PLACE.write_text(before + BEGIN + found + END + after, encoding="utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
