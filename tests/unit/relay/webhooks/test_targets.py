"""Each way known of making a server fetch what only it can reach."""

from __future__ import annotations

import pytest

from relay.webhooks.targets import (
    Rules,
    TargetRefused,
    checked_addresses,
    networks_of,
    parse_target,
)

RULES = Rules()
LOOSE = Rules(allow_http=True, networks=networks_of(["10.0.0.0/8", "fd00:1::/64"]))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/groundwire",
        "https://hooks.example.com",
        "https://hooks.example.com:8443/a?b=c",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/",
        "https://xn--mller-kva.example/",
        "https://a_b.example/",
    ],
)
def test_a_public_target_passes(url: str) -> None:
    assert parse_target(url, RULES).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "javascript:alert(1)",
        "//hooks.example.com/",
        "hooks.example.com",
        "",
        "https://",
        "https:///path",
        "https://user@hooks.example.com/",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com@169.254.169.254/",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/ x",
        "https://hooks.example.com/\r\nX-Injected: 1",
        "https://hooks.example.com\t/",
        "https://müller.example/",
        "https://hooks。example.com/",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:25/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:port/",
        "https://-x.example/",
        "https://a b.example/",
        "https://%31%32%37.0.0.1/",
        "https://hooks.example.com/" + "a" * 3_000,
    ],
)
def test_what_is_no_lawful_url_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        parse_target(url, RULES)


CLOSED = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "192.0.2.1", "203.0.113.9", "198.51.100.4", "::1", "::", "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1",
    "fec0::1", "100::1", "fe80::1%eth0", "2606:2800::1%eth0", "not an address", "",
]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    """However it is written: mapped, translated, tunnelled, with a zone."""
    with pytest.raises(TargetRefused):
        checked_addresses("hooks.example.com", [address], RULES)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0x7f000001", "017700000001", "0", "169.254.169.254",
        "2852039166", "0xa9fea9fe", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
        "[fe80::1%25eth0]", "[::]",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(TargetRefused):
        parse_target(f"https://{host}/", RULES)


def test_one_address_inside_among_others_spoils_the_name() -> None:
    with pytest.raises(TargetRefused):
        checked_addresses("hooks.example.com", ["93.184.216.34", "127.0.0.1"], RULES)


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(TargetRefused):
        checked_addresses("hooks.example.com", [], RULES)


def test_the_refusal_does_not_say_what_the_name_server_said() -> None:
    with pytest.raises(TargetRefused) as refused:
        checked_addresses("inside.example", ["10.20.30.40"], RULES)

    assert "10.20.30.40" not in str(refused.value)


def test_the_operator_may_allow_networks_and_nothing_beside_them() -> None:
    assert checked_addresses("erp.plant", ["10.1.2.3"], LOOSE)
    assert parse_target("http://10.1.2.3:9000/hook", LOOSE).port == 9000
    assert parse_target("https://[fd00:1::5]/", LOOSE).authority == "[fd00:1::5]"
    for address in ("192.168.1.1", "::ffff:10.1.2.3", "127.0.0.1", "fd00:2::1"):
        with pytest.raises(TargetRefused):
            checked_addresses("erp.plant", [address], LOOSE)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://a.example", "a.example", "/"),
        ("https://A.example:443/x", "a.example", "/x"),
        ("https://a.example:8443/x?y=%20z", "a.example:8443", "/x?y=%20z"),
        ("https://[2606:2800::1]:8443/", "[2606:2800::1]:8443", "/"),
    ],
)
def test_a_target_is_read(url: str, authority: str, path: str) -> None:
    target = parse_target(url, RULES)

    assert (target.authority, target.path) == (authority, path)
