"""Statistics that tell skill from luck, each with its source. A module is a subject, and is imported by its own name."""
