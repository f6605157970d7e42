"""The bytes of an answer, inflated no further than is allowed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Final

from drivers.contract import SourceChanged

ACCEPTED: Final = "gzip, deflate"
_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def collect(chunks: AsyncIterator[bytes], encoding: str, *, limit: int, where: str) -> bytes:
    """Raises SourceChanged for an answer that is too long, or compressed in a way that was not asked for."""
    return b"".join([piece async for piece in pieces(chunks, encoding, limit=limit, where=where)])


async def pieces(
    chunks: AsyncIterator[bytes],
    encoding: str,
    *,
    limit: int,
    where: str,
    hint: str = "Lower sync.page_rows, name fewer columns, or raise options.max_body_bytes.",
) -> AsyncIterator[bytes]:
    """As `collect`, a piece at a time: what is given out before an error is not to be used."""
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", *_WINDOW}:
        raise SourceChanged(f"the answer is compressed as {encoding!r}, which was not asked for", where=where)
    inflate = zlib.decompressobj(_WINDOW[encoding]) if encoding in _WINDOW else None
    length = 0
    async for chunk in chunks:
        room = limit - length + 1
        try:
            piece = chunk if inflate is None else inflate.decompress(chunk, room)
        except zlib.error as error:
            raise SourceChanged("the answer's compression is damaged", where=where) from error
        if inflate is not None and inflate.unused_data:
            # Kept by the inflater without bound, and no part of an answer.
            raise SourceChanged("the answer goes on behind the end of its compression", where=where)
        length += len(piece)
        if length > limit:
            raise SourceChanged(f"an answer is longer than {limit} bytes", where=where, hint=hint)
        yield piece
    if inflate is not None and length and not inflate.eof:
        raise SourceChanged("the answer's compression ends before its end", where=where)
