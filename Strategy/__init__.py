"""Text → canonical strategy: the rules parser, the validator, the interactive tester."""
