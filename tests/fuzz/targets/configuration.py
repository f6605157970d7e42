"""Files of a configuration folder: read, or refused with a ConfigurationError that names its place."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent import systems
from agent.configuration.load import load, load_connection
from agent.configuration.merge import over_profile
from agent.configuration.policy_file import policy_in
from agent.configuration.problems import problems_of
from agent.errors import ConfigurationError

CONFIG = Path(__file__).parents[3] / "config"
FOLDER = Path(tempfile.mkdtemp(prefix="groundwire-fuzz-"))
PLACES = (
    "agent.toml", "connections/erp.toml", "systems/mine/streams.toml", "policy.toml", "connections/over.toml",
)  # fmt: skip
PROFILE = b'driver = "sandbox"\n[streams.a]\nentity = "vendor"\n[streams.a.map]\nname = "n"\n'
AGENT = b'[agent]\n[relay]\nurl = "wss://relay.example"\n'
_FAULT = re.compile(r"policy\.toml(?::\d+)?: \S")


def seeds() -> Iterator[bytes]:
    yield b"\x00" + (CONFIG / "agent.example.toml").read_bytes()
    yield b"\x01" + (CONFIG / "connection.example.toml").read_bytes()
    for name in ("sandbox/streams.toml", "sap-s4hana/vendors.toml", "netsuite/vendors.toml"):
        yield b"\x02" + (CONFIG / "systems" / name).read_bytes()[:3_000]
    yield b"\x02" + PROFILE
    yield b"\x03" + (CONFIG / "policy.example.toml").read_bytes()
    yield b'\x04system = "mine"\n[sync]\nevery = "15m"\n[streams.a.sync]\ncron = "0 6 * * 1-5"\n[streams.b]\nentity = "asset"\n'
    yield b'\x04system = "sandbox"\n[secrets]\npassword = "env:A"\n[options]\nx = 1\n'


def _made() -> None:
    for place in PLACES:
        (FOLDER / place).parent.mkdir(parents=True, exist_ok=True)
    FOLDER.chmod(0o700)
    (FOLDER / "agent.toml").write_bytes(AGENT)
    (FOLDER / "systems/mine/streams.toml").write_bytes(PROFILE)


def feed(data: bytes) -> None:
    if not (FOLDER / "systems").exists():
        _made()
    kind, content = (data[0] % len(PLACES), data[1:]) if data else (0, b"")
    path = FOLDER / PLACES[kind]
    path.write_bytes(content)
    path.chmod(0o600)
    if kind == 3:
        policy = policy_in(FOLDER)
        if policy.fault:
            assert _FAULT.match(policy.fault), policy.fault
        return
    try:
        if kind == 0:
            load(FOLDER, environ={})
        elif kind == 2:
            over_profile(systems.profile("mine", config_dir=FOLDER), {"streams": {"a": {"map": {}}}})
        else:
            load_connection(path, config_dir=FOLDER)
    except ConfigurationError as error:
        _check_told(error)


def _check_told(error: ConfigurationError) -> None:
    assert all(each.where and each.message for each in problems_of(error)), str(error)
