"""The connection's and the streams' options, typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field

from drivers.contract import BadConfiguration
from drivers.http.options import HttpOptions, SignedCredentials, TokenBased
from drivers.option_tables import Strict, parse_table
from drivers.recipes.tables import time_zone

PAGE: Final = "docs/drivers/netsuite.md"
SCOPE: Final = "rest_webservices"
MOST_ROWS: Final = 1_000  # of one answer of SuiteQL over REST
_TOKENS: Final = "/services/rest/auth/oauth2/v1/token"
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9]+([_-][A-Za-z0-9]+)*")

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
TypeName = Literal["text", "integer", "decimal", "boolean", "date", "timestamp", "timestamp_tz"]
Auth = Annotated[SignedCredentials | TokenBased, Field(discriminator="kind")]


class ConnectionOptions(HttpOptions):
    """`[options]` of a connection file. `url` and what `auth` says of the account follow from `account`."""

    account: str = Field(pattern=_ACCOUNT.pattern)
    auth: Auth
    time_zone: str = "UTC"  # of the user's own preferences; for columns of type `timestamp` and for dates
    rows: int = Field(default=MOST_ROWS, ge=2, le=MOST_ROWS)  # that one answer is asked for at most
    records: tuple[Name, ...] = ()  # more record types that `groundwire discover` lists

    def spared(self, call_rows: int | None) -> Self:
        """With no more rows to an answer than this; an answer of one could not show that there is another."""
        return (
            self if call_rows is None else self.model_copy(update={"rows": min(self.rows, max(2, call_rows))})
        )


class LineOptions(Strict):
    """`[streams.NAME.read.lines.SET]`."""

    query: str = Field(min_length=1)
    parent: tuple[Name, ...] = Field(min_length=1)
    order_by: tuple[Name, ...] = Field(min_length=1)
    types: dict[Name, TypeName] = Field(default_factory=dict)


class StreamOptions(Strict):
    """`[streams.NAME.read]`."""

    query: str = Field(min_length=1)
    key: tuple[Name, ...] = Field(min_length=1)
    replication_key: Name | None = None
    types: dict[Name, TypeName] = Field(default_factory=dict)
    lines: dict[SetName, LineOptions] = Field(default_factory=dict)


def parse_connection(options: Mapping[str, Any]) -> ConnectionOptions:
    """Raises BadConfiguration with the place of the first mistake."""
    parsed = parse_table(ConnectionOptions, _with_account(options), where="options", page=PAGE)
    zone_of(parsed)
    return parsed


def zone_of(options: ConnectionOptions) -> ZoneInfo:
    return time_zone(options.time_zone, where="options.time_zone")


def parse_stream(name: str, options: Mapping[str, Any]) -> StreamOptions:
    where = f"streams.{name}.read"
    stream = parse_table(StreamOptions, options, where=where, page=PAGE)
    for set_name, lines in stream.lines.items():
        if len(lines.parent) != len(stream.key):
            raise BadConfiguration(
                f"parent names {len(lines.parent)} columns, the key has {len(stream.key)}",
                where=f"{where}.lines.{set_name}.parent",
                hint="Name one column of the line query per key column, in the key's order.",
            )
    return stream


def _with_account(options: Mapping[str, Any]) -> dict[str, Any]:
    """Host, token endpoint and realm by the account's id: 1234567_SB1 is at 1234567-sb1.suitetalk.api.netsuite.com."""
    found = dict(options)
    account, auth = found.get("account"), found.get("auth")
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise BadConfiguration(
            "should be the id of an account, such as 1234567 or 1234567_SB1",
            where="options.account",
            hint="It stands in NetSuite under Setup > Company > Company Information.",
        )
    host = account.lower().replace("_", "-")
    itself = f"https://{host}.suitetalk.api.netsuite.com"
    url = found.setdefault("url", itself)
    if isinstance(auth, Mapping):
        own: dict[str, Any] = {}
        if auth.get("kind") == "oauth2_certificate":
            own = {
                "token_url": f"{str(url).rstrip('/')}{_TOKENS}",
                "audience": f"{itself}{_TOKENS}",
                "scope": SCOPE,
            }
        elif auth.get("kind") == "oauth1":
            own = {"realm": account.upper().replace("-", "_"), "signed_as": itself}
        found["auth"] = {**own, **auth}
    return found
