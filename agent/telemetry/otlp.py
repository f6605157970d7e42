"""Spans to a collector: OTLP over HTTP, at the one address that local configuration names.

Nothing waits for it. The queue is bounded and what does not fit is dropped, as is what the collector does not take.
Imported only where an address is configured.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx
import structlog
import truststore

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.telemetry.spans import Attribute, Span

try:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
except ImportError as missing:
    raise ConfigurationError(
        "Traces need the package opentelemetry-proto.",
        where="telemetry.otlp_endpoint",
        hint="Install it with `pip install groundwire[telemetry]`, or take the setting out.",
    ) from missing

log = structlog.get_logger(__name__)

PATH: Final = "/v1/traces"
MAX_QUEUED: Final = 4_096  # spans; some 2 MiB
MAX_AT_ONCE: Final = 512
SEND_SECONDS: Final = 2.0  # between two requests while spans are few
REQUEST_SECONDS: Final = 5.0
LAST_SECONDS: Final = 2.0  # for what is left when the process ends
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_WHERE: Final = "telemetry.otlp_endpoint"


class OtlpSender:
    """A SpanSink. `run` sends for ever; `close` sends what is left, for a moment."""

    def __init__(self, endpoint: str, resource: Mapping[str, str], clock: Clock) -> None:
        """Raises ConfigurationError for an address that cannot be one."""
        self._url = trace_url(endpoint)
        self._resource = Resource(attributes=[_attribute(name, text) for name, text in resource.items()])
        self._clock = clock
        self._queue: deque[Span] = deque()
        self._enough = asyncio.Event()
        self._failing = False
        self.dropped = 0
        # Nothing of the environment's: no proxy, no passwords of other programs, no other address.
        self._client = httpx.AsyncClient(
            verify=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            follow_redirects=False,
            timeout=REQUEST_SECONDS,
        )

    def add(self, span: Span) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self.dropped += 1
            return
        self._queue.append(span)
        if len(self._queue) >= MAX_AT_ONCE:
            self._enough.set()

    async def run(self) -> None:
        while True:
            await self._a_while()
            while self._queue:
                await self._send()

    async def close(self) -> None:
        """What a collector does not take within two seconds is lost."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while self._queue and not self._failing:
                    await self._send()
        except TimeoutError:
            pass
        finally:
            await self._client.aclose()

    async def _a_while(self) -> None:
        waits = {
            asyncio.ensure_future(self._enough.wait()),
            asyncio.ensure_future(self._clock.sleep(SEND_SECONDS)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        self._enough.clear()

    async def _send(self) -> None:
        spans = [self._queue.popleft() for _ in range(min(MAX_AT_ONCE, len(self._queue)))]
        try:
            body = await asyncio.to_thread(encoded, spans, self._resource)
            answer = await self._client.post(
                self._url, content=body, headers={"Content-Type": "application/x-protobuf"}
            )
            why = "" if answer.is_success else f"it answered {answer.status_code}"
        except Exception as error:  # noqa: BLE001 - whatever a collector does or a span holds, nothing but spans may suffer
            why = type(error).__name__
        if why:
            self.dropped += len(spans)
        self._note(why)

    def _note(self, why: str) -> None:
        """Said when it changes."""
        if bool(why) == self._failing:
            return
        self._failing = bool(why)
        if why:
            log.warning(
                "traces_not_taken",
                why=why,
                hint=f"Look at the collector that {_WHERE} names. Nothing else waits for it.",
            )
        else:
            log.info("traces_taken_again", dropped=self.dropped)


def trace_url(endpoint: str) -> str:
    """`https://HOST[:PORT][/PATH]`, or `http://` to this very host."""
    parts = urlsplit(endpoint)
    try:
        own = _is_own(parts.hostname or "")
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = own = False
    if not known or parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "the address of a collector is https://HOST or https://HOST:PORT, without user, password and query",
            where=_WHERE,
        )
    if parts.scheme == "http" and not own:
        raise ConfigurationError(
            "http:// is not encrypted and is refused to other hosts",
            where=_WHERE,
            hint="Use https://, or a collector on this host that passes it on.",
        )
    return endpoint.rstrip("/") + PATH


def _is_own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def encoded(spans: Sequence[Span], resource: Resource) -> bytes:
    """Pure: one request."""
    scope = ScopeSpans(scope=InstrumentationScope(name="groundwire"), spans=[_proto(span) for span in spans])
    whole = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])])
    return whole.SerializeToString()


def _proto(span: Span) -> ProtoSpan:
    status = Status(code=Status.STATUS_CODE_ERROR, message=span.error) if span.error else Status()
    return ProtoSpan(
        trace_id=span.trace,
        span_id=span.id,
        parent_span_id=span.parent or b"",
        name=span.name,
        kind=ProtoSpan.SPAN_KIND_INTERNAL,
        start_time_unix_nano=_nanos(span.begun),
        end_time_unix_nano=max(_nanos(span.begun), _nanos(span.ended)),  # a clock may be set back
        attributes=[_attribute(f"groundwire.{name}", value) for name, value in span.attributes.items()],
        status=status,
    )


def _attribute(name: str, value: Attribute) -> KeyValue:
    match value:
        case bool():
            return KeyValue(key=name, value=AnyValue(bool_value=value))
        case int():
            return KeyValue(key=name, value=AnyValue(int_value=value))
        case float():
            return KeyValue(key=name, value=AnyValue(double_value=value))
        case str():
            return KeyValue(key=name, value=AnyValue(string_value=value))


def _nanos(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
