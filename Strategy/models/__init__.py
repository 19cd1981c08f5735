"""Language models: asking them, what a call costs, and whether what they say is what a text says."""

from pathlib import Path

PROMPTS = Path(__file__).with_name("prompts")
