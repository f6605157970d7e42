from __future__ import annotations

import pytest

from agent.errors import ConfigurationError
from agent.secrets import Secret
from agent.tunnel.endpoint import make_endpoint, make_proxy


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("wss://relay.example", "wss://relay.example:443/agent"),
        ("wss://relay.example:8443/", "wss://relay.example:8443/agent"),
        ("wss://relay.example/plants/7", "wss://relay.example:443/plants/7"),
        ("wss://[::1]:8443", "wss://[::1]:8443/agent"),
    ],
)
def test_an_address_is_made_whole(url: str, whole: str) -> None:
    assert make_endpoint(url).url == whole


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relay.example",
        "https://relay.example",
        "WSS:relay",
        "wss://",
        "wss://user:secret@relay.example",
        "wss://relay.example?x=1",
        "wss://relay.example#x",
        "wss://relay.example:99999",
        "wss://relay.example:x",
        "wss://[::1",
        "wss://relay.example/a b",
        "wss://relay.example/\r\nX: y",
        "ws://relay.example",
        "ws://127.0.0.1:8080",
    ],
)
def test_what_is_no_safe_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make_endpoint(url)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_plain_is_for_this_host_and_only_when_asked_for(host: str) -> None:
    assert not make_endpoint(f"ws://{host}:80", allow_plain_loopback=True).secure


@pytest.mark.parametrize("host", ["relay.example", "10.0.0.1", "localhost.example", "127.0.0.1.example"])
def test_plain_to_another_host_is_refused_whatever_is_asked(host: str) -> None:
    with pytest.raises(ConfigurationError):
        make_endpoint(f"ws://{host}", allow_plain_loopback=True)


def test_a_proxys_password_shows_nowhere() -> None:
    proxy = make_proxy("http://proxy:3128", user="plant", password=Secret("hush"))

    assert (proxy.host, proxy.port) == ("proxy", 3128)
    assert "hush" not in repr(make_endpoint("wss://relay.example", proxy=proxy))


@pytest.mark.parametrize("url", ["socks5://proxy:1", "proxy:3128", "http://user:hush@proxy:3128", "http://"])
def test_what_is_no_proxy_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make_proxy(url)

    assert "hush" not in str(refused.value)


def test_a_user_with_a_colon_could_not_be_told_from_its_password() -> None:
    with pytest.raises(ConfigurationError):
        make_proxy("http://proxy", user="a:b")
