"""The way to the relay, hop by hop: TCP, TLS and its certificate, the websocket's upgrade."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final

from agent.certificates import level_of
from agent.doctor.check import Check, Known, Told
from agent.doctor.hosts import relay_endpoint
from agent.doctor.inspection import inspecting_product
from agent.doctor.installation import Installation
from agent.doctor.one_try import ask_once
from agent.doctor.patience import patient
from agent.doctor.reaching import Shown, addresses_of, connected, no_answer, secured
from agent.errors import ConfigurationError, GroundwireError, Throttled, Unreachable
from agent.findings import Level
from agent.tunnel.dial import Address, connect_through
from agent.tunnel.endpoint import Endpoint, join_host
from agent.tunnel.transport import CLOSE_NORMAL, open_websocket, tls_context

HANDSHAKE_SECONDS: Final = 3.0
_FIRST_TRY_SECONDS: Final = 1.0

KNOWN: Final = (
    Known(
        "relay.unenrolled",
        Level.PROBLEM,
        "No relay is known yet: the agent is not enrolled",
        "Get a code from the relay's operator and run `groundwire enroll wss://RELAY CODE`.",
    ),
    Known(
        "relay.untried",
        Level.NOTICE,
        "The way to the relay was not tried to its end, because an earlier hop is missing",
        "Mend what `names`, `proxy` or `configuration` says of it first.",
    ),
    Known(
        "relay.unanswered",
        Level.PROBLEM,
        "Nothing came back from the relay's address: mostly a firewall that drops packets, or a host that is down",
        "Have the firewall let this host out to that address and port (TCP); if only a proxy leads out, name it as relay.proxy in agent.toml.",
    ),
    Known(
        "relay.refused",
        Level.PROBLEM,
        "The relay's host, or a firewall, refused the connection at once",
        "Check host and port of the relay's address; ask its operator whether the relay runs.",
    ),
    Known(
        "relay.half_reachable",
        Level.WARNING,
        "One of the relay's addresses does not answer while another does, so that every connection is made late",
        "Have IPv6 work on this network or take the dead address out of DNS.",
    ),
    Known(
        "relay.inspected",
        Level.PROBLEM,
        "Something between this host and the relay opens TLS and signs it anew, and this agent does not trust it",
        "Best: have it leave the relay's name alone. Else let this host trust its authority: with relay.ca_file, put that authority's PEM there; without it, add it to the system's trusted authorities.",
    ),
    Known(
        "relay.inspected_trusted",
        Level.NOTICE,
        "Something between this host and the relay opens TLS and signs it anew, and this host trusts it",
        "Nothing has to be done. Whoever runs it can read what the agent sends: have it leave the relay's name alone if that is not wanted.",
    ),
    Known(
        "relay.untrusted",
        Level.PROBLEM,
        "The relay's certificate comes from an authority that is not trusted here: the relay's own, or that of a proxy that opens TLS",
        "If the relay's operator knows this issuer: put his authority's PEM beside agent.toml and name it as relay.ca_file. If not, a proxy opens TLS here: have it leave the relay's name alone, or let this host trust its authority.",
    ),
    Known(
        "relay.wrong_name",
        Level.PROBLEM,
        "The certificate is for another name than the relay's",
        "Use the name that the relay's operator gave you as relay.url, or have him issue a certificate for this one.",
    ),
    Known(
        "relay.expired",
        Level.PROBLEM,
        "The relay's certificate is not valid today",
        "Have the relay's operator renew it; if the dates look right, correct this host's clock.",
    ),
    Known(
        "relay.expiring_now",
        Level.PROBLEM,
        "The relay's certificate ends within a week",
        "Have the relay's operator renew it now; after that day nothing connects.",
    ),
    Known(
        "relay.expiring",
        Level.WARNING,
        "The relay's certificate ends within three weeks",
        "Tell the relay's operator; after that day nothing connects.",
    ),
    Known(
        "relay.tls",
        Level.PROBLEM,
        "No TLS was spoken at the relay's port, or none that is new enough (1.2)",
        "Check the port; a gateway in between may end TLS, or speak plain HTTP there.",
    ),
    Known(
        "relay.upgrade",
        Level.PROBLEM,
        "TLS works, but the websocket was not opened: a gateway or proxy in between does not pass it on, or the path is wrong",
        "Check the path of the relay's address; gateways in front of the relay must pass `Upgrade: websocket` on.",
    ),
    Known(
        "relay.busy",
        Level.WARNING,
        "The relay, or a gateway before it, asked for a pause",
        "Nothing to do if it passes: the agent tries again by itself. Else ask the relay's operator.",
    ),
)


async def check_relay(installation: Installation, told: Told) -> None:
    try:
        endpoint = relay_endpoint(installation)
        if endpoint is None:
            if installation.settings is not None:
                told.found("unenrolled", "relay", "this agent is not enrolled, and relay.url is not set")
            return
        context = _context(endpoint)
    except ConfigurationError as error:
        told.found("untried", error.where or "agent.toml", error.message, next_step=error.hint)
        return
    sock = await _tcp(endpoint, told)
    if sock is None:
        return
    if endpoint.proxy is None:
        told.fine(f"relay: {endpoint.authority}", "the port answers")
    if context is not None and not await _tls(endpoint, context, sock, installation, told):
        return
    if context is None:
        sock.close()
    await _upgrade(endpoint, told)


def _context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """As the product checks, by OpenSSL alone, which tells of a certificate that it refused. Raises ConfigurationError."""
    if tls_context(endpoint) is None:  # also says what is wrong with ca_file
        return None
    return ssl.create_default_context(cafile=None if endpoint.ca_file is None else str(endpoint.ca_file))


async def _tcp(endpoint: Endpoint, told: Told) -> socket.socket | None:
    """To the relay, through the proxy if there is one."""
    proxy = endpoint.proxy
    host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
    where = f"relay: {endpoint.authority}"
    try:
        found = await addresses_of(host, port)
    except Unreachable as error:
        told.found("untried", where, str(error), next_step="Mend first what `names` says of it.")
        return None
    sock = await _any(host, port, found, endpoint, told)
    if sock is None or proxy is None:
        return sock
    try:
        async with asyncio.timeout(patient(HANDSHAKE_SECONDS)):
            await connect_through(sock, proxy, endpoint, ask=ask_once)
    except (GroundwireError, TimeoutError):
        sock.close()
        told.found(
            "untried", where, "the proxy does not lead there", next_step="Mend first what `proxy` says."
        )
        return None
    return sock


async def _any(
    host: str, port: int, found: list[Address], endpoint: Endpoint, told: Told
) -> socket.socket | None:
    """The first address that answers; all of them are tried beside each other, for there is little time."""
    tries = await asyncio.gather(
        *(connected(host, port, [address]) for address in found), return_exceptions=True
    )
    open_ones = [one for one in tries if isinstance(one, socket.socket)]
    failed = [
        (str(address[1][0]), error)
        for address, error in zip(found, tries, strict=True)
        if isinstance(error, Unreachable)
    ]
    evidence = "; ".join(f"{address}: {error.message}" for address, error in failed)
    if open_ones:
        for spare in open_ones[1:]:
            spare.close()
        if failed and no_answer(failed[0][1]):
            told.found(
                "half_reachable", join_host(host, port), "not every address answers", evidence=evidence
            )
        return open_ones[0]
    if endpoint.proxy is not None:
        told.found(
            "untried",
            f"relay: {endpoint.authority}",
            "the proxy was not reached",
            next_step="Mend first what `proxy` says.",
        )
        return None
    silent = any(no_answer(error) for _, error in failed)
    told.found(
        "unanswered" if silent else "refused",
        f"relay: {endpoint.authority}",
        "nothing answers at the relay's address" if silent else "the connection was refused",
        evidence=evidence,
    )
    return None


async def _tls(
    endpoint: Endpoint,
    context: ssl.SSLContext,
    sock: socket.socket,
    installation: Installation,
    told: Told,
) -> bool:
    where = f"relay: {endpoint.authority}"
    path = endpoint.url.partition(endpoint.authority)[2] or "/"
    found = await secured(sock, context, endpoint.host, path=path)
    if found.error is None and found.shown is not None:
        _judge_trusted(endpoint, found.shown, installation, told)
        return True
    if isinstance(found.error, ssl.SSLCertVerificationError):
        _judge_refused(endpoint, found.shown, found.error, told)
    else:
        reason = getattr(found.error, "reason", None) or str(found.error)
        told.found("tls", where, "the TLS handshake failed", evidence=str(reason).replace("_", " ").lower())
    return False


def _judge_trusted(endpoint: Endpoint, shown: Shown, installation: Installation, told: Told) -> None:
    where = f"relay: {endpoint.authority}"
    told.fine(where, "TLS works and the certificate is accepted", str(shown))
    level = level_of(shown.ends, installation.clock.utcnow())
    if level is not Level.OK:
        code = "expiring_now" if level is Level.PROBLEM else "expiring"
        told.found(code, where, f"the certificate ends on {shown.ends:%Y-%m-%d}", evidence=str(shown))
    product = inspecting_product(shown)
    if product:
        told.found(
            "inspected_trusted", where, f"{product} opens TLS on the way to the relay", evidence=str(shown)
        )


def _judge_refused(
    endpoint: Endpoint, shown: Shown | None, error: ssl.SSLCertVerificationError, told: Told
) -> None:
    where, evidence = f"relay: {endpoint.authority}", str(shown or error.verify_message)
    said = error.verify_message.lower()
    trusting = (
        f"relay.ca_file = {endpoint.ca_file}" if endpoint.ca_file else "the system's trusted authorities"
    )
    product = inspecting_product(shown) if shown else ""
    if "expired" in said or "not yet valid" in said:
        told.found(
            "expired", where, f"the certificate is not valid now: {error.verify_message}", evidence=evidence
        )
    elif "hostname" in said or "ip address mismatch" in said or "not valid for" in said:
        names = ", ".join(shown.names) if shown else "another name"
        told.found("wrong_name", where, f"the certificate is for {names}", evidence=evidence)
    elif product or (endpoint.ca_file is not None and shown is not None):
        who = product or "another authority than the relay's own"
        told.found(
            "inspected",
            where,
            f"{who} signed the certificate, and this agent trusts only {trusting}",
            evidence=evidence,
            next_step="" if product else _other_authority(endpoint),
        )
    else:
        told.found(
            "untrusted",
            where,
            f"{trusting} do not know who issued the certificate",
            evidence=evidence,
        )


def _other_authority(endpoint: Endpoint) -> str:
    return (
        f"Ask the relay's operator whether this issuer is his. If so, put its PEM into {endpoint.ca_file}. If not, a proxy "
        "opens TLS on the way: have it leave the relay's name alone, or put its authority's PEM into that file."
    )


async def _upgrade(endpoint: Endpoint, told: Told) -> None:
    """The product's own handshake, up to an open websocket on which nothing is said."""
    where = f"relay: {endpoint.url}"
    sock: socket.socket | None = None
    try:
        async with asyncio.timeout(patient(HANDSHAKE_SECONDS)):
            proxy = endpoint.proxy
            host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
            sock = await connected(host, port, await addresses_of(host, port))
            if proxy is not None:
                await connect_through(sock, proxy, endpoint, ask=ask_once)
            handed, sock = sock, None  # the websocket closes it from here on
            channel = await open_websocket(endpoint, tls_context(endpoint), handed)
            await channel.close(CLOSE_NORMAL)
    except Throttled as error:
        told.found("busy", where, error.message, evidence=str(error))
    except GroundwireError as error:
        told.found("upgrade", where, error.message, evidence=str(error), next_step=error.hint)
    except TimeoutError:
        told.found("upgrade", where, f"the websocket was not open after {patient(HANDSHAKE_SECONDS):g} s")
    else:
        told.fine(where, "the websocket opens")
    finally:
        if sock is not None:
            sock.close()


CHECK: Final = Check(
    "relay", "the way to the relay: TCP, TLS, certificate, websocket", check_relay, KNOWN, seconds=8.0
)
