"""Pure: from a due delivery to a request, and from what came of it to what is written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from relay.events import event_body, event_document
from relay.webhooks.base import Attempt, Delivery, DeliveryState, Due, Result
from relay.webhooks.courier import Outcome
from relay.webhooks.plan import Verdict, retry_after_of, seconds_until_next, verdict_of
from relay.webhooks.signing import signed_headers

MAX_FAILURE = 300  # characters


def request_of(due: Due, keys: Sequence[bytes], at: datetime) -> tuple[dict[str, str], bytes]:
    """Headers and body. The id is the event's: a receiver that is given it twice knows it by that."""
    body = event_body(event_document(due.event.event))
    return signed_headers(due.event.event.id, at, body, keys), body


def attempt_of(outcome: Outcome, at: datetime) -> Attempt:
    return Attempt(
        at, round(outcome.seconds * 1_000), outcome.status, outcome.failure[:MAX_FAILURE], outcome.excerpt
    )


def result_of(
    delivery: Delivery, outcome: Outcome, *, begun: datetime, now: datetime, chance: float
) -> Result:
    attempt = attempt_of(outcome, begun)
    verdict = verdict_of(outcome.status)
    if verdict is Verdict.DELIVERED:
        return Result(delivery, attempt, DeliveryState.DELIVERED, now)
    if verdict is Verdict.GONE:
        return Result(delivery, attempt, DeliveryState.FAILED, now, gone=True)
    asked = None if outcome.status is None else retry_after_of(outcome.status, outcome.retry_after, now)
    wait = seconds_until_next(len(delivery.attempts) + 1, chance=chance, retry_after=asked)
    if wait is None:
        return Result(delivery, attempt, DeliveryState.FAILED, now)
    return Result(delivery, attempt, DeliveryState.PENDING, now + timedelta(seconds=wait))
