"""Pure: products that open TLS on the way and sign it anew, as their certificates name them."""

from __future__ import annotations

import re
from typing import Final

from agent.doctor.reaching import Shown

# How these products call the authority that they sign with, unless their operator gave it another name.
_PRODUCTS: Final = (
    "Zscaler",
    "Netskope",
    "Fortinet",
    "FortiGate",
    "Palo Alto",
    "Check Point",
    "Blue Coat",
    "Symantec Web",
    "Sophos",
    "McAfee Web Gateway",
    "Skyhigh",
    "Forcepoint",
    "Websense",
    "Barracuda",
    "WatchGuard",
    "SonicWall",
    "Cisco Umbrella",
    "Cisco Secure Access",
    "Cato Networks",
    "iboss",
    "Kaspersky",
    "ESET SSL Filter",
    "Bitdefender",
    "Avast",
    "AVG",
    "Trend Micro",
    "Squid",
    "pfSense",
    "OPNsense",
    "Untangle",
    "mitmproxy",
    "Charles Proxy",
    "Fiddler",
    "Burp",
    "PortSwigger",
    "proxy.py",
)
_WORDS: Final = re.compile(
    r"(ssl|tls|https|web)[ _-]*(inspection|interception|decryption|forward trust|proxy|gateway)"
    r"|forward trust|(inspection|interception|decryption) ca",
    re.IGNORECASE,
)


def inspecting_product(shown: Shown) -> str:
    """Its name, or that of its authority; empty where the issuer does not look like one."""
    issuer = shown.issuer.lower()
    for product in _PRODUCTS:
        if re.search(rf"(?<![a-z]){re.escape(product.lower())}(?![a-z])", issuer):
            return product
    return shown.issuer if _WORDS.search(shown.issuer) else ""
