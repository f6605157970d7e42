"""Keys in paths: percent-encoded once, and back to the character whatever they hold."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

from fastapi import Path
from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

from relay.api.command_schemas import MAX_KEY

KEY_CONVERTOR: Final = "key"


class _KeyConvertor(Convertor[str]):
    regex = r"[\s\S]+"  # slashes and line breaks too

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(KEY_CONVERTOR, _KeyConvertor())

KeyPath = Annotated[
    str, Path(min_length=1, max_length=MAX_KEY, description="The record's key, percent-encoded.")
]


def readable(scope: Scope) -> bool:
    """False: the path is no UTF-8, and a key in it would have been altered where it was decoded."""
    raw = scope.get("raw_path") or b""
    try:
        unquote_to_bytes(raw.partition(b"?")[0]).decode()
    except UnicodeDecodeError:
        return False
    return True
