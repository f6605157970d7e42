"""The metrics of a relay that runs, as Prometheus reads them, held against docs/relay-metrics.md."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.parser import text_string_to_metric_families

from agent.errors import ConfigurationError
from agent.protocol.frames import Result, Status
from relay.app import RelayApp
from relay.settings import Metrics as MetricsSettings
from relay.settings import RelaySettings, parse_settings
from tests.integration.relay_peer import (
    CommandReceived,
    Peer,
    client_of,
    enrolled_peer,
    eventually,
    made,
)
from tests.unit.relay.making import Sender, orders, tombstones

PAGE = Path(__file__).resolve().parents[2] / "docs" / "relay-metrics.md"
ROW = re.compile(r"\| `(groundwire_relay_\w+)` \| (\w+) \| ([^|]*)\|")
LABEL = re.compile(r"`(\w+)`")

Described = dict[str, tuple[str, set[str]]]


def documented() -> Described:
    """Name, kind and labels of each metric on the page."""
    rows = ROW.findall(PAGE.read_text("utf-8"))
    return {name: (kind, set(LABEL.findall(labels))) for name, kind, labels in rows}


def exposed(text: str) -> Described:
    """As Prometheus reads it; what a counter was made at stands beside it, and is no metric of ours."""
    found: Described = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("groundwire_relay") and not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            samples = [one for one in family.samples if not one.name.endswith("_created")]
            if samples:
                found[name] = (family.type, {label for one in samples for label in one.labels} - {"le"})
    return found


def value(text: str, sample: str, **labels: str) -> float:
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == sample and labels.items() <= one.labels.items()
    )


@dataclass
class Scraped:
    relay: RelayApp
    client: httpx.AsyncClient

    async def text(self) -> str:
        async with httpx.AsyncClient(trust_env=False) as anybody:
            answer = await anybody.get(f"http://127.0.0.1:{self.relay.watching.metrics_port}/metrics")
        assert answer.status_code == 200
        return answer.text


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Scraped]:
    settings, token = await asyncio.to_thread(made, folder / "relay")
    metered = settings.model_copy(update={"metrics": MetricsSettings(enabled=True, port=0)})
    async with RelayApp(metered) as relay, client_of(relay, token) as client:
        yield Scraped(relay, client)


async def lived(scraped: Scraped) -> str:
    """An agent that sends, is asked something and answers, and another one that is not let in; the agent's id."""
    peer = await enrolled_peer(scraped.relay, scraped.client, "plant-nowhere")
    agent = await scraped.relay.store.agent(peer.agent)
    assert agent is not None
    sender = Sender(agent)
    async with peer.connected():
        peer.live.send_status(Status(({"name": "nav", "state": "idle"},)))
        await peer.send(sender.batch(orders(["key-4711", "key-4712"])))
        await peer.send(sender.batch(tombstones(["key-4711"]), kind="tombstones"))
        await peer.acked("nav/purchase_orders", 2)
        await scraped.client.post("/connections/nav/syncs", json={})
        command = (await peer.until(CommandReceived)).command
        peer.live.send_result(Result(command.id, "succeeded", {}))
        await peer.flush()

        async def ended() -> bool:
            return bool((await scraped.client.get(f"/commands/{command.id}")).json()["state"] == "succeeded")

        await eventually(ended)
    stranger = Peer(peer.url, Ed25519PrivateKey.generate(), peer.agent, peer.epoch)
    assert await stranger.refusal() == "identity_refused"
    await eventually(scraped.relay.caught_up)
    scraped.relay.watching.observer.webhook_attempted("delivered", 0.1)
    return peer.agent


async def test_every_metric_is_on_the_page_with_its_kind_and_labels_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as scraped:
        await lived(scraped)

        assert exposed(await scraped.text()) == documented()


async def test_what_happened_is_counted_and_nothing_of_a_tenant_is_named(tmp_path: Path) -> None:
    async with running(tmp_path) as scraped:
        agent = await lived(scraped)
        await scraped.client.get("/connections/nav/purchase-orders/key-4712")
        text = await scraped.text()

    prefix = "groundwire_relay"
    assert value(text, f"{prefix}_records_total", kind="records") == 2
    assert value(text, f"{prefix}_records_total", kind="tombstones") == 1
    assert value(text, f"{prefix}_batches_total", outcome="appended") == 2
    assert value(text, f"{prefix}_ack_seconds_count") == 2
    assert value(text, f"{prefix}_commands_finished_total", state="succeeded") == 1
    assert value(text, f"{prefix}_agents_turned_away_total", reason="identity") == 1
    assert value(text, f"{prefix}_store_seconds_count", operation="write") > 0
    assert 'route="/connections/{connection}/purchase-orders/{key' in text
    for word in ("key-471", agent, "plant-nowhere", "default", "nav"):
        assert word not in text, word


async def test_metrics_are_off_unless_they_are_asked_for(tmp_path: Path) -> None:
    settings, _ = await asyncio.to_thread(made, tmp_path / "relay")
    async with RelayApp(settings) as relay:
        assert relay.watching.metrics_port is None


def parsed(tmp_path: Path, **metrics: Any) -> RelaySettings:
    document = {"gateway": {"host": "127.0.0.1"}, "metrics": metrics}
    return parse_settings(document, base=tmp_path, where="relay.toml")


def test_metrics_for_other_hosts_need_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"metrics\.tls"):
        parsed(tmp_path, enabled=True, host="0.0.0.0")
    files = {"certificate": "server.pem", "key": "server.key"}
    assert parsed(tmp_path, enabled=True, host="0.0.0.0", tls=files).metrics.tls is not None


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    async with running(tmp_path / "one") as scraped:
        settings, _ = await asyncio.to_thread(made, tmp_path / "relay")
        taken = MetricsSettings(enabled=True, port=scraped.relay.watching.metrics_port or 0)
        with pytest.raises(ConfigurationError, match="Metrics cannot be served"):
            async with RelayApp(settings.model_copy(update={"metrics": taken})):
                pass
