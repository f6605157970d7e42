from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from agent.clock import SystemClock
from relay.webhooks.signing import NotASecret, key_of, shown, signed_headers
from tests.canaries import canary

KEY = canary("-webhook").encode().ljust(32, b".")
OLD = canary("-older-webhook").encode().ljust(32, b".")
BODY = b'{"type":"record.created","data":{"note":"\xc3\xa4"}}'


def test_the_independent_library_takes_what_is_signed_here() -> None:
    headers = signed_headers("evt_1", SystemClock().utcnow(), BODY, [KEY])

    assert Webhook(shown(KEY)).verify(BODY, headers)["type"] == "record.created"


def test_during_a_rotation_a_receiver_that_knows_either_secret_takes_it() -> None:
    headers = signed_headers("evt_1", SystemClock().utcnow(), BODY, [KEY, OLD])

    assert len(headers["webhook-signature"].split()) == 2
    for secret in (KEY, OLD):
        Webhook(shown(secret)).verify(BODY, headers)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "body", "secret"])
def test_whatever_is_changed_breaks_the_signature(name: str) -> None:
    now = SystemClock().utcnow()
    headers = signed_headers("evt_1", now, BODY, [OLD if name == "secret" else KEY])
    if name == "webhook-id":
        headers[name] = "evt_2"
    if name == "webhook-timestamp":
        headers[name] = str(int(headers[name]) + 1)

    with pytest.raises(WebhookVerificationError):
        Webhook(shown(KEY)).verify(BODY + b" " * (name == "body"), headers)


def test_the_signature_is_the_one_of_the_standard_s_example() -> None:
    """From the specification's reference vector."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)

    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [key])

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_reads_back() -> None:
    assert key_of(shown(KEY)) == KEY


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_!!", "whsec_" + base64.b64encode(b"short").decode(), "abc"]
)
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(NotASecret):
        key_of(text)
