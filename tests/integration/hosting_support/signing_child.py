"""A child process with a driver that signs in at a made-up source, kept in a file. Started by tests alone.

The source knows one password and one refresh token. It changes the token with every refresh and takes no old one, as
strict systems do; it counts how often it was asked to let somebody in.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from agent.clock import SystemClock
from agent.hosting.child import main
from drivers.contract import (
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    CredentialsRefused,
    Description,
    Mark,
    Operation,
    Outcome,
    Page,
    ReadRequest,
    SecretKeeper,
    SeenCertificate,
    StreamSpec,
    Unreachable,
    WriteCommand,
)


class SigningDriver:
    """`mode` says where it stops: crash_before_keep, crash_after_keep, slow_source, no_token ..."""

    def __init__(self, options: Mapping[str, Any], secrets: Mapping[str, str], keeper: SecretKeeper) -> None:
        self._source = Path(options["source"])
        self._mode = options.get("mode", "")
        self._secrets = secrets
        self._keeper = keeper

    def describe(self) -> Description:
        return Description("signing", "1", Capabilities(True, True, True, True))

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        await self._sign_in()
        return [CheckStep("sign-in", True, "welcome")]

    async def discover(self) -> Catalogue:
        return Catalogue(())

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        await self._sign_in()
        return None

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        await self._sign_in()
        yield Page(pa.table({"__key": ["1"], "name": ["first"]}), "1")
        await self._sign_in()
        yield Page(pa.table({"__key": ["2"], "name": ["second"]}), "2", True)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        return [Column("name", "text")]

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        return []

    async def execute(self, command: WriteCommand) -> Outcome:
        raise Unreachable("no writes here")

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return None

    async def aclose(self) -> None:
        pass

    async def _sign_in(self) -> None:
        state = self._state()
        state["asked"] = state.get("asked", 0) + 1
        self._save(state)
        if state.get("away"):
            raise Unreachable("nobody answers")
        if self._mode == "crash":
            os._exit(3)
        if self._mode == "talkative":
            print("signing in with", *self._secrets.values())
            raise KeyError(f"no such token {self._secrets}")
        if "password" in state and self._secrets.get("password") != state["password"]:
            raise CredentialsRefused(f"login with {self._secrets.get('password')} refused")
        if "token" in state:
            await self._refresh()

    async def _refresh(self) -> None:
        async with self._keeper.rotation("refresh_token") as rotation:
            token = await self._ask_source(rotation.value)
            if self._mode == "crash_before_keep":
                os._exit(3)
            await rotation.keep(token)
            if self._mode == "crash_after_keep":
                os._exit(3)
        used = self._state()
        self._save({**used, "used": [*used.get("used", []), token]})

    async def _ask_source(self, token: str) -> str | None:
        state = self._state()
        if token != state["token"]:
            raise CredentialsRefused("invalid_grant")
        if self._mode == "no_token":
            return None
        fresh = f"token-{state['asked']}-{os.urandom(4).hex()}"
        self._save({**state, "token": fresh})
        if self._mode == "slow_source":
            await SystemClock().sleep(1.0)
        return fresh

    def _state(self) -> dict[str, Any]:
        return dict(json.loads(self._source.read_text(encoding="utf-8")))

    def _save(self, state: Mapping[str, Any]) -> None:
        scratch = self._source.with_suffix(f".{os.getpid()}")
        scratch.write_text(json.dumps(state), encoding="utf-8")
        scratch.replace(self._source)


def create(
    driver: str,
    *,
    connection: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, str],
    keeper: SecretKeeper,
    seen: SeenCertificate,
) -> SigningDriver:
    return SigningDriver(options, secrets, keeper)


if __name__ == "__main__":
    sys.exit(main(create))
