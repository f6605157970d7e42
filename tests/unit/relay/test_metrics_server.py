"""Metrics are served to others than the one who connects and says nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from relay.metrics import MetricsServer
from relay.settings import Metrics as MetricsSettings
from relay.settings import Tls
from relay.tls import make_certificates
from tests.unit.relay.making import NOW


async def test_a_silent_connection_over_tls_holds_up_neither_others_nor_the_end(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, ["127.0.0.1"], NOW)
    settings = MetricsSettings(
        enabled=True, host="127.0.0.1", port=0, tls=Tls(certificate=files.certificate, key=files.key)
    )
    server = MetricsServer(settings, CollectorRegistry())
    trusted = ssl.create_default_context(cafile=files.ca)
    with socket.create_connection(("127.0.0.1", server.port)):
        async with httpx.AsyncClient(verify=trusted, trust_env=False, timeout=60) as client:
            answer = await client.get(f"https://127.0.0.1:{server.port}/metrics")
        async with asyncio.timeout(60):
            await asyncio.to_thread(server.close)

    assert answer.status_code == 200
