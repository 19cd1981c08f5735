"""Statistics that tell skill from luck, each with its source."""
