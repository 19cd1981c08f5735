"""Text read by rules: tokens, then values, conditions, settings, rules, and what the whole text tells."""
