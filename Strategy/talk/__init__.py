"""What a message of a conversation asks for, and what a model sees and passes on of a conversation."""
