"""Text → canonical strategy: read by rules, by models where those leave words unread, validated, and changed in words.

The files beside this one are the doors that have had their names from the beginning: `text_parser.py`, `strategy_validator.py`,
`gemini_strategy_integrator.py` and `interactive_strategy_tester.py`.
"""
