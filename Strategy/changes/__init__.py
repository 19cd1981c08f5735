"""A strategy after it was read: changed in words, run on other bars, and what was assumed of it that still holds."""
