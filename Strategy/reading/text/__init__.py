"""A text as tokens, the cursor that reads them, and the draft of what was read."""
