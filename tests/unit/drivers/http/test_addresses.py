from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from drivers.contract import BadConfiguration, Unreachable
from drivers.http.addresses import GuardedNetwork, is_open, open_addresses

METADATA = (
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "64:ff9b:1::a9fe:a9fe",
    "::ffff:0:a9fe:a9fe",
    "0.1.2.3",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "not an address",
)


@pytest.mark.parametrize("address", METADATA)
def test_addresses_where_hosts_and_clouds_talk_to_themselves_are_closed(address: str) -> None:
    assert not is_open(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "172.16.0.1", "127.0.0.1", "::1", "fd12::1", "8.8.8.8", "::ffff:10.0.0.1"])  # fmt: skip
def test_private_addresses_are_where_erp_systems_live(address: str) -> None:
    assert is_open(address)


async def _resolves_to(*found: str) -> Sequence[str]:
    return found


async def test_one_closed_address_among_others_closes_the_name() -> None:
    with pytest.raises(BadConfiguration, match=r"169\.254\.169\.254"):
        await open_addresses(
            "erp", 443, where="options.url", resolver=lambda *_: _resolves_to("10.0.0.1", "169.254.169.254")
        )


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376"])
async def test_odd_ways_to_write_a_metadata_address_lead_nowhere(host: str) -> None:
    with pytest.raises((BadConfiguration, Unreachable)):
        await open_addresses(host, 80, where="options.url")


async def test_a_host_that_the_options_do_not_name_is_never_connected_to() -> None:
    asked: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    network = GuardedNetwork([("erp.example", 443)], where="options.url", resolver=resolver)

    for host, port in (("other.example", 443), ("erp.example", 80)):
        with pytest.raises(BadConfiguration):
            await network.connect_tcp(host, port)
    assert not asked


async def test_a_name_that_does_not_resolve_says_so() -> None:
    async def nothing(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(Unreachable, match="does not resolve"):
        await open_addresses("erp", 443, where="options.url", resolver=nothing)


async def test_a_name_is_looked_up_once_per_connection_and_connected_to_where_it_was_looked_at() -> None:
    """A name that resolves anew between the look and the connection changes nothing (K48)."""
    answers = iter(["127.0.0.1", "169.254.169.254"])
    visitors: list[tuple[str, int]] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return (next(answers),)

    async def welcome(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append(writer.get_extra_info("sockname"))
        writer.close()

    async with await asyncio.start_server(welcome, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        network = GuardedNetwork([("erp.example", port)], where="options.url", resolver=rebinding)

        stream = await network.connect_tcp("erp.example", port)
        assert await stream.read(1, timeout=30) == b""
        await stream.aclose()
        with pytest.raises(BadConfiguration, match=r"169\.254\.169\.254"):
            await network.connect_tcp("erp.example", port)

    assert visitors == [("127.0.0.1", port)]
