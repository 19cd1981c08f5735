"""A strategy after it was read: changed in words, run on other bars, and what was assumed of it that still holds."""

from Strategy.changes.assumed import still_true, told, value_at
from Strategy.changes.edits import edit_by_rules
from Strategy.changes.other_bars import on_bars
from Strategy.changes.patches import Edit, Operation, Patch, edit_by_model, patched

__all__ = [
    "Edit", "Operation", "Patch", "edit_by_model", "edit_by_rules", "on_bars", "patched", "still_true", "told",
    "value_at",
]  # fmt: skip
