"""What the command line asks of the vault while the agent runs.

A value comes in a request's body, over the private socket, and goes nowhere but into the vault.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from agent.control import Handler, Progress, caller
from agent.credentials.changes import SecretChanges
from agent.errors import ConfigurationError
from agent.secrets import Secret


class SecretCalls:
    """Each change records itself in the audit log, with words of its own."""

    def __init__(self, changes: SecretChanges) -> None:
        self._changes = changes

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "secret_set": self._set,
            "secret_list": self._list,
            "secret_remove": self._remove,
            "secret_export": self._export,
            "secret_import": self._import,
            "secret_rekey": self._rekey,
        }

    async def _set(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        value = Secret(_text(args, "value"))
        return await self._changes.set(_text(args, "name"), value, caller(), force=bool(args.get("force")))

    async def _list(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        return await self._changes.list()

    async def _remove(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        name = _text(args, "name")
        return {"removed": await self._changes.remove(name, caller(), force=bool(args.get("force")))}

    async def _export(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        content, names = await self._changes.export(Secret(_text(args, "passphrase")), caller())
        return {"content": base64.b64encode(content).decode(), "names": names}

    async def _import(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        try:
            content = base64.b64decode(_text(args, "content"), validate=True)
        except binascii.Error:
            raise ConfigurationError("the content is not base64") from None
        names = await self._changes.load(
            content,
            Secret(_text(args, "passphrase")),
            caller(),
            where=_text(args, "where"),
            replace=bool(args.get("replace")),
        )
        return {"names": names}

    async def _rekey(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        return await self._changes.rekey(caller())


def _text(args: dict[str, Any], name: str) -> str:
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} is a text")
    return value
