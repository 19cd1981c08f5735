"""How lists are cut into pages: `?page=` from 1 on (or `last`), and `?page_size=`; a value that is neither is refused."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from Backtest.errors import Diagnostic, InvalidInput, NotFound

LONGEST = 18  # digits of a number that is no mistake


class Pagination(PageNumberPagination):
    """Pages of 50 rows, or of `page_size` rows, at most 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("page_size")
        if given is None:
            return self.page_size
        return _number("page_size", given, most=self.max_page_size, remedy=f"Use 1 to {self.max_page_size} rows a page")

    def get_page_number(self, request: Request, paginator: Any) -> int | str:
        given = request.query_params.get("page", "1")
        last = int(paginator.num_pages)
        if given in self.last_page_strings:
            return last
        number = _number("page", given, most=None, remedy="Use 1 for the first page, or last")
        if number > last:
            raise NotFound(f"There is no page {number}: the last is {last}")
        return number


class RowPagination(Pagination):
    """Pages of 1,000 rows, at most 10,000: trades and bars."""

    page_size = 1000
    max_page_size = 10_000


def _number(name: str, given: str, *, most: int | None, remedy: str) -> int:
    """Return a whole number from 1 on. InvalidInput (400) names the value and the remedy."""
    plain = given.isascii() and given.isdigit() and len(given) <= LONGEST
    if not plain or int(given) < 1 or (most is not None and int(given) > most):
        limits = f"from 1 to {most:,}" if most else "from 1 on"
        message = f"{name}={given[:40]!r} is no whole number {limits}"
        raise InvalidInput("The request is not valid", details=[Diagnostic("error", "invalid", name, message, remedy)])
    return int(given)
