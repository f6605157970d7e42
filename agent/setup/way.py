"""The way to the relay tried, before any file says it: the product's own hops for the verdict, doctor's checks for the cause."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.control import error_from
from agent.doctor import clocks, names, proxies, relay
from agent.doctor.check import examine
from agent.doctor.installation import Installation
from agent.findings import Finding, Level
from agent.secrets import SecretRef, learn
from agent.settings import RelayTable, Settings
from agent.setup.machine_port import RelayTest, RelayWay
from agent.telemetry.text import clean_text
from agent.tunnel.diagnose import HopResult, check_tunnel
from agent.tunnel.endpoint import Endpoint, Proxy, make_endpoint, make_proxy
from agent.vault.store import Vault

_CHECKS: Final = (names.CHECK, proxies.CHECK, clocks.CHECK, relay.CHECK)
_PASSWORD: Final = "proxy"  # noqa: S105 - its name in a folder that goes away
_UNTOLD: Final = ("relay.untried", "doctor.unfinished", "clock.unknown", "proxy.unused")  # of no help here


async def test_way(way: RelayWay, config_dir: Path, environ: Mapping[str, str], clock: Clock) -> RelayTest:
    hops = await check_tunnel(_endpoint(way))
    seen = tuple(_as_finding(hop) for hop in hops)
    failed = next((hop for hop in hops if not hop.ok), None)
    found = await _causes(way, config_dir, environ, clock)
    if failed is None:
        return RelayTest((*seen, *(one for one in found if one.level in (Level.NOTICE, Level.WARNING))))
    error = error_from({"code": failed.code, "message": failed.detail, "hint": failed.hint})
    causes = tuple(one for one in found if one.level is Level.PROBLEM)
    return RelayTest((*seen[:-1], *(causes or seen[-1:])), failed.name, error)


def proxy_of(way: RelayWay) -> Proxy | None:
    return make_proxy(way.proxy, user=way.proxy_user, password=way.proxy_password) if way.proxy else None


def _endpoint(way: RelayWay) -> Endpoint:
    return make_endpoint(way.url, ca_file=Path(way.ca_file) if way.ca_file else None, proxy=proxy_of(way))


def _as_finding(hop: HopResult) -> Finding:
    level = Level.OK if hop.ok else Level.PROBLEM
    step = "" if hop.ok else clean_text(hop.hint)
    return Finding(f"relay.{hop.name}", level, hop.name, clean_text(hop.detail), next_step=step)


async def _causes(
    way: RelayWay, config_dir: Path, environ: Mapping[str, str], clock: Clock
) -> tuple[Finding, ...]:
    """What doctor's checks say of an installation that had these answers."""
    with tempfile.TemporaryDirectory(prefix="groundwire-setup-") as name:
        state = Path(name)
        if way.proxy_password is not None:
            learn(way.proxy_password)
            Vault(state, environ=environ).put({_PASSWORD: way.proxy_password}, by="setup", at=clock.utcnow())
        installation = Installation(
            config_dir=config_dir,
            state_dir=state,
            settings=_settings(way, config_dir, state),
            environ=environ,
            clock=clock,
        )
        report = await examine(installation, _CHECKS)
    return tuple(
        replace(one, where=one.where.removeprefix("relay: "))
        for one in report.findings
        if one.code not in _UNTOLD
    )


def _settings(way: RelayWay, config_dir: Path, state: Path) -> Settings:
    signs_in = way.proxy_password is not None and way.proxy_user
    return Settings(
        config_dir=config_dir,
        state_dir=state,
        relay=RelayTable(
            url=way.url,
            ca_file=way.ca_file or None,
            proxy=way.proxy or None,
            proxy_user=way.proxy_user if signs_in else None,
            proxy_password=SecretRef("secret", _PASSWORD) if signs_in else None,
        ),
    )
