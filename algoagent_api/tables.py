"""A database without tables, with those of an earlier version, or that does not answer: said with the remedy."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection

from django.db import OperationalError, ProgrammingError

REMEDY = "make them with: manage.py migrate"
MESSAGE = f"The database has no tables, or those of an earlier version: {REMEDY}"
_LACKS = re.compile(
    r"no such (table|column)|has no column|relation .* does not exist|column .* does not exist", re.IGNORECASE
)
_UNREACHED = re.compile(
    r"connect(ion|ing)? (to server|failed|timeout|refused|is bad)|could not (connect|translate)|failed to resolve|server closed|"
    r"unable to open database file",
    re.IGNORECASE,
)
_said: set[str] = set()
logger = logging.getLogger(__name__)


def missing(tables: Collection[str]) -> bool:
    """Tell whether these are the tables of a database that was never migrated."""
    return "django_migrations" not in tables or "auth_api_user" not in tables


def is_about_tables(error: BaseException) -> bool:
    """Tell whether a database error is that tables or columns are missing; it is logged the first time."""
    if not isinstance(error, OperationalError | ProgrammingError) or not _LACKS.search(str(error)):
        return False
    if MESSAGE not in _said:
        _said.add(MESSAGE)
        logger.error("%s (%s)", MESSAGE, error)
    return True


def told(error: BaseException) -> str:
    """Return a line for a person who started a command: what the database's error is, and what to do."""
    if _LACKS.search(str(error)):
        return f"{MESSAGE} ({_first_line(error)})"
    if _UNREACHED.search(str(error)):
        return f"The database cannot be reached: see that its server runs and check DATABASE_URL ({_first_line(error)})"
    if "database is locked" in str(error):
        return "The database is locked: another process has been writing for long, so try again"
    return f"The database says: {_first_line(error)}. --traceback shows where"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
