"""Signatures of OAuth 1.0, held against RFC 5849's own example and against oauthlib."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client

from drivers.http.oauth1 import Credentials, authorization, base_string

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
names = texts.filter(lambda text: text and not text.startswith("oauth_"))


def test_the_base_string_is_that_of_the_rfcs_example() -> None:
    """Section 3.4.1.1; the parameters of the example's body stand beside those of the header."""
    own = [
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
        ("c2", ""),
        ("a3", "2 q"),
    ]

    found = base_string("post", "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", own)

    assert found == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540"
        "%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method"
        "%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


@given(
    secrets=st.tuples(names, texts, names, texts),
    query=st.lists(st.tuples(names, texts), max_size=4),
    method=st.sampled_from(["GET", "POST", "PATCH"]),
    nonce=st.from_regex(r"[a-f0-9]{32}", fullmatch=True),
)
def test_any_signature_is_the_one_that_oauthlib_makes(
    secrets: tuple[str, str, str, str], query: list[tuple[str, str]], method: str, nonce: str
) -> None:
    consumer, consumer_secret, token, token_secret = secrets
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    url = "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql" + (
        f"?{asked}" if asked else ""
    )
    held = Credentials("1234567_SB1", consumer, consumer_secret, token, token_secret)
    theirs = Client(
        consumer,
        consumer_secret,
        token,
        token_secret,
        signature_method=SIGNATURE_HMAC_SHA256,
        nonce=nonce,
        timestamp="1700000000",
    )

    header = authorization(held, method, url, moment=1_700_000_000, nonce=nonce)

    _, headers, _ = theirs.sign(url, method)
    assert parts_of(header) == parts_of(headers["Authorization"]) | {"realm": "1234567_SB1"}


def parts_of(header: str) -> dict[str, str]:
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}
