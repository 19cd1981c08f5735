"""What a message of a conversation asks for, and what a model sees and passes on of a conversation."""

from Strategy.talk.conversation import Turn, said_by, window, withholding
from Strategy.talk.intents import Wanted, wanted
from Strategy.talk.searches import read_constraint, read_names, read_search
from Strategy.talk.templates import TEMPLATES, template_text

__all__ = [
    "TEMPLATES", "Turn", "Wanted", "read_constraint", "read_names", "read_search", "said_by", "template_text",
    "wanted", "window", "withholding",
]  # fmt: skip
