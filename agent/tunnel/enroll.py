"""Making an agent known to a relay, with a one-time code."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import Clock, SystemClock
from agent.errors import Unreachable
from agent.identity import Identity, IdentityStore, PendingEnrolment
from agent.protocol.auth import Code, encode_bytes, parse_code
from agent.protocol.events import EnrolledAs, Refused
from agent.protocol.faults import HANDSHAKE_SECONDS, PROTOCOL_MAX, PROTOCOL_MIN
from agent.protocol.frames import Enroll
from agent.protocol.session import AgentSession
from agent.tunnel.endpoint import Endpoint, Proxy, make_endpoint
from agent.tunnel.refusals import translate_refusal
from agent.tunnel.transport import CLOSE_NORMAL, Channel, open_channel


async def enroll(
    url: str,
    code: str,
    name: str,
    state_dir: Path,
    *,
    software: str,
    ca_file: Path | None = None,
    proxy: Proxy | None = None,
    allow_plain_loopback: bool = False,
    clock: Clock | None = None,
) -> Identity:
    """Enrol and store the identity in the state folder; an older identity there is replaced."""
    endpoint = make_endpoint(url, ca_file=ca_file, proxy=proxy, allow_plain_loopback=allow_plain_loopback)
    parsed = parse_code(code)
    store = IdentityStore(state_dir)
    key = await asyncio.to_thread(_key_for, store, endpoint, parsed)
    channel = await open_channel(endpoint)
    try:
        enrolled = await _converse(channel, endpoint, parsed, name, key, software, clock or SystemClock())
    finally:
        await channel.close(CLOSE_NORMAL)
    identity = Identity(enrolled.agent, enrolled.tenant, endpoint.url, 0, key)
    await asyncio.to_thread(store.save, identity)
    await asyncio.to_thread(store.drop_pending)
    return identity


def _key_for(store: IdentityStore, endpoint: Endpoint, code: Code) -> Ed25519PrivateKey:
    """The key is durable before the code is used up: when the answer is lost, the same key may ask again."""
    pending = store.load_pending()
    if pending is not None and (pending.relay_url, pending.code_id) == (endpoint.url, code.id):
        return pending.key
    key = Ed25519PrivateKey.generate()
    store.save_pending(PendingEnrolment(endpoint.url, code.id, key))
    return key


async def _converse(
    channel: Channel,
    endpoint: Endpoint,
    code: Code,
    name: str,
    key: Ed25519PrivateKey,
    software: str,
    clock: Clock,
) -> EnrolledAs:
    public = encode_bytes(key.public_key().public_bytes_raw())
    session = AgentSession(
        Enroll(PROTOCOL_MIN, PROTOCOL_MAX, public, name, software, code.id),
        sign=key.sign,
        now=clock.monotonic(),
        code_verifier=code.verifier,
    )
    where = f"relay {endpoint.authority}"
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            while True:
                for message in session.messages_to_send():
                    await channel.send(message)
                for event in session.receive(await channel.receive(lambda: None), clock.monotonic()):
                    if isinstance(event, EnrolledAs):
                        return event
                    if isinstance(event, Refused):
                        raise translate_refusal(event.error, where)
    except TimeoutError as error:
        raise Unreachable("the relay did not answer the enrolment in time", where=where) from error
