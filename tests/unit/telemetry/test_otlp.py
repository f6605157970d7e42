from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from agent.clock import SystemClock
from agent.errors import ConfigurationError
from agent.telemetry.otlp import MAX_AT_ONCE, MAX_QUEUED, OtlpSender, trace_url
from agent.telemetry.sending import sending, sink_to
from agent.telemetry.spans import Nowhere, Span
from tests.integration.otlp_receiver import receiving

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def span(number: int = 1, **change: object) -> Span:
    own = number.to_bytes(8, "big")
    made = {"begun": NOON, "ended": NOON + timedelta(seconds=1), "attributes": {"n": number, "kind": "run"}}
    return Span(b"t" * 16, own, "step", **(made | change))  # type: ignore[arg-type]


def sender_to(url: str) -> OtlpSender:
    return OtlpSender(url, {"service.name": "test"}, SystemClock())


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
        ("https://otel.example/tenant/", "https://otel.example/tenant/v1/traces"),
    ],
)
def test_the_path_of_traces_is_added_to_the_address(endpoint: str, url: str) -> None:
    assert trace_url(endpoint) == url


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://otel.example:4318",
        "grpc://127.0.0.1:4317",
        "https://user:word@otel.example",
        "https://otel.example?x=1",
        "otel.example",
        "https://",
        "http://127.0.0.1:99999999",
    ],
)
def test_an_address_that_cannot_be_one_or_is_not_encrypted_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigurationError):
        trace_url(endpoint)


async def test_a_span_arrives_with_its_times_attributes_and_error() -> None:
    with receiving() as receiver:
        sender = sender_to(receiver.url)
        async with sending(sender):
            sender.add(span(7, parent=b"p" * 8, error="unreachable"))

        ((service, found),) = receiver.spans()
    assert (service, found.span_id, found.parent_span_id) == ("test", (7).to_bytes(8, "big"), b"p" * 8)
    assert found.end_time_unix_nano - found.start_time_unix_nano == 10**9
    assert {one.key for one in found.attributes} == {"groundwire.n", "groundwire.kind"}
    assert (found.status.code, found.status.message) == (2, "unreachable")


async def test_a_clock_that_was_set_back_makes_no_span_that_ends_before_it_begins() -> None:
    with receiving() as receiver:
        sender = sender_to(receiver.url)
        async with sending(sender):
            sender.add(span(ended=NOON - timedelta(hours=1)))

        ((_, found),) = receiver.spans()
    assert found.end_time_unix_nano == found.start_time_unix_nano


async def test_many_spans_go_in_few_requests_and_what_does_not_fit_is_dropped() -> None:
    with receiving() as receiver:
        sender = sender_to(receiver.url)
        for number in range(1, MAX_QUEUED + 11):
            sender.add(span(number))
        async with sending(sender):
            async with asyncio.timeout(60):
                while len(receiver.requests) < MAX_QUEUED // MAX_AT_ONCE:
                    await asyncio.to_thread(threading.Event().wait, 0.02)

        assert (len(receiver.spans()), sender.dropped) == (MAX_QUEUED, 10)


async def test_a_collector_that_hangs_delays_nobody_and_holds_up_no_end() -> None:
    with receiving() as receiver:
        receiver.hang = threading.Event()
        sender = sender_to(receiver.url)
        async with asyncio.timeout(30):
            async with sending(sender):
                for number in range(1, 10 * MAX_QUEUED):
                    sender.add(span(number))

        assert sender.dropped > 0


async def test_a_redirect_is_not_followed_and_is_told_once() -> None:
    with receiving() as elsewhere, receiving() as receiver, capture_logs() as lines:
        receiver.status, receiver.location = 307, f"{elsewhere.url}/v1/traces"
        sender = sender_to(receiver.url)
        async with sending(sender):
            sender.add(span(1))
            async with asyncio.timeout(60):
                while not sender.dropped:
                    await asyncio.to_thread(threading.Event().wait, 0.02)
            sender.add(span(2))

        assert (len(receiver.requests), elsewhere.requests) == (1, [])
    assert [line["event"] for line in lines] == ["traces_not_taken"]


async def test_the_environment_names_no_address_no_header_and_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving() as elsewhere, receiving() as receiver:
        for name in (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "HTTP_PROXY",
            "http_proxy",
        ):
            monkeypatch.setenv(name, elsewhere.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-strange=1")
        sender = sender_to(receiver.url)
        async with sending(sender):
            sender.add(span())

        ((_, headers, _),) = receiver.requests
        assert elsewhere.requests == []
    assert "x-strange" not in {name.lower() for name in headers}
    assert isinstance(sink_to(None, {}, SystemClock()), Nowhere)


async def test_a_span_that_cannot_be_encoded_is_dropped_and_those_behind_it_arrive() -> None:
    with receiving() as receiver:
        sender = sender_to(receiver.url)
        async with sending(sender):
            sender.add(span(1, attributes={"n": 2**70}))
            async with asyncio.timeout(60):
                while not sender.dropped:
                    await asyncio.to_thread(threading.Event().wait, 0.02)
            sender.add(span(2))
            async with asyncio.timeout(60):
                while not receiver.requests:
                    await asyncio.to_thread(threading.Event().wait, 0.02)
