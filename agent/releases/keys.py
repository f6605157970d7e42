"""Whom this program takes a release from. Baked in: who can change this can change the program."""

from typing import Final

# The second line of each minisign public key, the newest last. docs/release.md says how one is made and added.
RELEASE_KEYS: Final[tuple[str, ...]] = ()
