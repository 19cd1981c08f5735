"""A database without tables, or with those of an earlier version: said once, with the remedy."""

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
