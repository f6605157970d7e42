"""The first hops of `groundwire check` to a source that speaks HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from drivers.check_steps import AsyncStep
from drivers.contract import Unreachable
from drivers.http.addresses import Resolver, open_addresses, resolve
from drivers.http.options import HttpOptions
from drivers.http.transport import port_of

_PORT_SECONDS: Final = 5.0  # a closed port answers at once; only a firewall makes one wait


def way_to(options: HttpOptions, *, resolver: Resolver = resolve) -> list[AsyncStep]:
    """Host name and port of the server, or of the proxy before it."""
    host, port = port_of(options.proxy or options.url)
    where = "options.proxy" if options.proxy else "options.url"

    async def name() -> str:
        return ", ".join(await open_addresses(host, port, where=where, resolver=resolver))

    async def door() -> str:
        addresses = await open_addresses(host, port, where=where, resolver=resolver)
        return await _answer(addresses, host, port, where)

    return [("host name", name), ("port", door)]


async def _answer(addresses: Sequence[str], host: str, port: int, where: str) -> str:
    """One address that answers is enough, as for every request: a host may have some that nothing listens at."""
    reason = "the name has no address"
    for address in addresses:
        try:
            async with asyncio.timeout(_PORT_SECONDS):
                _, writer = await asyncio.open_connection(address, port)
                writer.close()
        except (OSError, TimeoutError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        else:
            return f"{host}:{port} answers"
    raise Unreachable(
        f"nothing answers at {host}:{port}: {reason}",
        where=where,
        hint="See that the server listens there and that no firewall stands between.",
    )
