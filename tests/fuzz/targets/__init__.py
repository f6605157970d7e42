"""One harness a file: `seeds()` gives inputs to begin with, `feed(data)` raises for whatever must not happen."""
