"""Pages that are made of the code: `python -m docs.generate` (`make messages`). tests/test_messages.py holds them to it."""
