"""The proxy before the relay: the one that is configured, or one that this host knows and the agent was not told of."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Final

from agent.doctor.check import Check, Known, Told
from agent.doctor.hosts import relay_endpoint
from agent.doctor.installation import Installation
from agent.doctor.one_try import ask_once
from agent.doctor.patience import patient
from agent.doctor.reaching import addresses_of, connected, no_answer
from agent.errors import ConfigurationError, Unreachable
from agent.findings import Level
from agent.tunnel.endpoint import Endpoint, Proxy, join_host
from agent.tunnel.named_proxies import Named, proxies_here

ANSWER_SECONDS: Final = 3.0
_BASIC: Final = "basic"

KNOWN: Final = (
    Known(
        "proxy.unreachable",
        Level.PROBLEM,
        "Nothing answers at the proxy's address",
        "Check relay.proxy in agent.toml with the proxy's operator, and that a firewall lets this host to it.",
    ),
    Known(
        "proxy.no_proxy",
        Level.PROBLEM,
        "What answers at the proxy's address does not speak as an HTTP proxy",
        "Check host and port of relay.proxy in agent.toml: it is the address of an HTTP CONNECT proxy.",
    ),
    Known(
        "proxy.asks",
        Level.PROBLEM,
        "The proxy wants a user and a password, and none are configured",
        "Set relay.proxy_user and relay.proxy_password in agent.toml, the password with `groundwire secret set NAME`.",
    ),
    Known(
        "proxy.wrong_password",
        Level.PROBLEM,
        "The proxy refused the user and password that are configured",
        "Set the right password with `groundwire secret set NAME` (the name that relay.proxy_password has), or correct relay.proxy_user.",
    ),
    Known(
        "proxy.scheme",
        Level.PROBLEM,
        "The proxy takes only Negotiate, NTLM or Digest; the agent signs in at a proxy with Basic alone",
        "Have the proxy let this host through without signing in to the relay's address, or with Basic; else a local forwarding proxy that signs in as Windows does.",
    ),
    Known(
        "proxy.forbidden",
        Level.PROBLEM,
        "The proxy does not allow a connection to the relay",
        "Ask the proxy's operator to allow CONNECT to the relay's host and port.",
    ),
    Known(
        "proxy.cannot",
        Level.PROBLEM,
        "The proxy could not reach the relay itself",
        "Ask the proxy's operator: the name does not resolve there, or a firewall stands behind the proxy.",
    ),
    Known(
        "proxy.unused",
        Level.NOTICE,
        "This host names a proxy that the agent does not use: it takes none from the environment, and the direct way works",
        "Nothing to do. If the agent is meant to use it, name it as relay.proxy in agent.toml.",
    ),
    Known(
        "proxy.needed",
        Level.PROBLEM,
        "The relay does not answer directly, and this host names a proxy that the agent was not told of",
        "Name the proxy as relay.proxy in agent.toml: the agent takes none from the environment.",
    ),
)


async def check_proxy(installation: Installation, told: Told) -> None:
    try:
        endpoint = relay_endpoint(installation)
    except ConfigurationError:
        return  # `configuration` and `credentials` say what is wrong
    if endpoint is None:
        return
    if endpoint.proxy is not None:
        await _configured(endpoint, endpoint.proxy, told)
        return
    found = proxies_here(endpoint.host, installation.environ, installation.root)
    if found:
        await _not_configured(endpoint, found, told)


async def _configured(endpoint: Endpoint, proxy: Proxy, told: Told) -> None:
    where = join_host(proxy.host, proxy.port)
    try:
        sock = await connected(proxy.host, proxy.port, await addresses_of(proxy.host, proxy.port))
    except Unreachable as error:
        cause = "the proxy does not answer" if no_answer(error) else "no connection to the proxy"
        told.found("unreachable", where, cause, evidence=str(error))
        return
    try:
        async with asyncio.timeout(patient(ANSWER_SECONDS)):
            answer = await ask_once(sock, proxy, endpoint)
    except (OSError, TimeoutError):
        told.found("no_proxy", where, "the proxy took the connection and did not answer CONNECT")
        return
    finally:
        sock.close()
    _judge(answer.decode("latin-1"), endpoint, proxy, told)


def _judge(head: str, endpoint: Endpoint, proxy: Proxy, told: Told) -> None:
    where = join_host(proxy.host, proxy.port)
    found = re.match(r"HTTP/1\.[01] ([0-9]{3})", head)
    status = int(found[1]) if found else 0
    evidence = f"to CONNECT {endpoint.authority} it answered {head.splitlines()[0] if head else 'nothing'}"
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own bounds
        how = f"signed in as {proxy.user}" if proxy.user else "without signing in"
        told.fine(where, f"the proxy leads to {endpoint.authority}, {how}")
    elif status == 407:  # noqa: PLR2004 - Proxy Authentication Required
        _judge_sign_in(head, evidence, where, proxy, told)
    elif status in {502, 503, 504}:
        told.found("cannot", where, f"the proxy does not reach {endpoint.authority}", evidence=evidence)
    elif status:
        told.found("forbidden", where, f"the proxy refuses {endpoint.authority}", evidence=evidence)
    else:
        told.found("no_proxy", where, "what answers there is no HTTP proxy", evidence=evidence)


def _judge_sign_in(head: str, evidence: str, where: str, proxy: Proxy, told: Told) -> None:
    """By what it offers: without Basic no user and password of ours would ever be taken."""
    offered = re.findall(r"(?im)^proxy-authenticate:\s*([A-Za-z]+)", head)
    evidence = f"{evidence}; it offers {', '.join(offered) or 'no way to sign in'}"
    if offered and _BASIC not in {one.lower() for one in offered}:
        told.found("scheme", where, f"the proxy wants {' or '.join(offered)}", evidence=evidence)
    elif proxy.user:
        told.found(
            "wrong_password", where, f"the proxy refused the password of {proxy.user}", evidence=evidence
        )
    else:
        told.found("asks", where, "the proxy wants a user and a password", evidence=evidence)


async def _not_configured(endpoint: Endpoint, found: list[Named], told: Told) -> None:
    evidence = "; ".join(f"{one.where}: {one.url}" for one in found)
    sock: socket.socket | None = None
    try:
        sock = await connected(endpoint.host, endpoint.port, await addresses_of(endpoint.host, endpoint.port))
    except Unreachable as error:
        told.found("needed", "agent.toml", f"no direct way to the relay: {error}", evidence=evidence)
    else:
        told.found("unused", "agent.toml", "a proxy of this host is not used", evidence=evidence)
    finally:
        if sock is not None:
            sock.close()


CHECK: Final = Check(
    "proxy", "the proxy before the relay and how it is signed in to", check_proxy, KNOWN, 7.0
)
