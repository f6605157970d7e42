"""Streams for a database that nobody foresaw, proposed from its catalogue: guesses for a person to confirm. Pure."""
