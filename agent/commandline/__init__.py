"""The commands of `groundwire`, one module per group; each is thin and imports what is heavy only when it runs."""
