"""Language models: what is asked of them, what a call costs, and asking them.

`llm.py`, the only file that knows a provider, is imported by its own name: its libraries take a second to import.
"""

from pathlib import Path

from Strategy.models.calls import CallRecord, Ledger, Message, ModelConfig, ModelTool, NoLedger, Question

PROMPTS = Path(__file__).with_name("prompts")

__all__ = ["PROMPTS", "CallRecord", "Ledger", "Message", "ModelConfig", "ModelTool", "NoLedger", "Question"]
