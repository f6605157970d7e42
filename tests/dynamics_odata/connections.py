"""Drivers as connection files would make them, over the services of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.systems import profile
from drivers.odata.driver import ODataDriver
from tests.dynamics_odata import finops
from tests.dynamics_odata.business_central import CLIENT, KEY, SCOPE, SECRET, USER, BusinessCentral
from tests.dynamics_odata.cronus import CRONUS

SECRETS = {"password": KEY, "client_secret": SECRET}


def business_central(
    server: BusinessCentral, secrets: Mapping[str, str] = SECRETS, **options: Any
) -> ODataDriver:
    given = {
        **profile("dynamics-bc")["options"],
        "url": f"{server.url}/BC",
        "company": CRONUS,
        "auth": {"kind": "basic", "user": USER},
        **options,
    }
    return ODataDriver("erp", given, secrets)


def entra(server: Any) -> dict[str, Any]:
    """Signing in with client credentials, as Entra asks for them."""
    return {
        "kind": "oauth2",
        "token_url": f"{server.url}/oauth2/v2.0/token",
        "client_id": CLIENT,
        "scope": SCOPE,
        "in_body": True,
    }


def finance_and_operations(server: finops.FinanceAndOperations, **options: Any) -> ODataDriver:
    given = {
        **profile("dynamics-fo")["options"],
        "url": f"{server.url}/data",
        "auth": ad_fs(server),
        **options,
    }
    return ODataDriver("erp", given, {"client_secret": finops.SECRET})


def ad_fs(server: finops.FinanceAndOperations) -> dict[str, Any]:
    """Signing in on-premises: AD FS wants the resource, and the secret in the form."""
    return {
        "kind": "oauth2",
        "token_url": f"{server.url}/adfs/oauth2/token",
        "client_id": finops.CLIENT,
        "in_body": True,
        "parameters": {"resource": finops.RESOURCE},
    }
