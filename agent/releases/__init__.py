"""Whether a release's files are what its owner signed: `checking` (read this first), `minisign` and `sums` (pure), `keys`."""
