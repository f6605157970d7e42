"""What this program is called on the wire and in `groundwire version`. Baked in: frozen builds carry no metadata."""

from typing import Final

VERSION: Final = "0.1.0"
SOFTWARE: Final = f"groundwire/{VERSION}"
