"""Fuzzing: whatever arrives from outside ends in a value or a documented error. See docs/fuzzing.md."""
