"""The diagnostics bundle: what of an agent is told to whoever is asked for help (docs/diagnostics.md). `collecting` first."""
