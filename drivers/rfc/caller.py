"""The seam for calling function modules, whatever lies behind it, and what may go wrong with a call.

A caller blocks; the driver runs it in threads. Values are Python's (`str`, `int`, `Decimal`, `date`, `time`, `bytes`);
a structure is a dict, a table a list of dicts. What comes back is as the way prints it: `conversions` makes it one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from drivers.digits import natural
from drivers.rfc.abap import Interface

Value = str | int | Decimal | date | time | bytes | Mapping[str, Any] | Sequence[Mapping[str, Any]]
Reply = Mapping[str, Any]


class Session(Protocol):
    """One session at the SAP system: what is called in it shares a unit of work, until it is committed or undone."""

    def call(self, function: str, /, **parameters: Value) -> Reply:
        """Raises CallFailed. A table that is wanted back has to be named, with an empty list if nothing goes in."""
        ...


class Caller(Session, Protocol):
    way: str

    @property
    def product(self) -> str:
        """What answered, as far as the way tells; empty before the first call."""
        ...

    def version(self) -> str:
        """What is on this side of the way. Raises CallFailed where something has to be installed. Connects to nothing."""
        ...

    def interface(self, function: str, /) -> Interface | None:
        """Its parameters; None: there is no such function module, or it may not be called from outside."""
        ...

    def session(self) -> AbstractContextManager[Session]:
        """A session that nobody else calls in. What is not committed at its end is undone.

        Raises BadConfiguration where each call is a session of its own.
        """
        ...

    def close(self) -> None: ...


class Trouble(StrEnum):
    EXCEPTION = (
        "exception"  # the function raised an exception of its own; `key` names it, the session lives on
    )
    FAILURE = "failure"  # a short dump, or a message that ends the session: everything in it is undone
    LOGON = "logon"
    LOCKED = "locked"  # the user is
    EXPIRED = "expired"  # the password has to be changed
    CLIENT = "client"  # there is no such client
    ROUTE = "route"  # a SAProuter on the way refuses
    AUTHORITY = "authority"
    MISSING = "missing"  # no such function module
    BUSY = "busy"
    SETUP = "setup"  # a library, a service or a certificate on the way is not as it has to be
    UNREACHED = "unreached"  # nothing was sent
    LOST = "lost"  # the call may or may not have been carried out


@dataclass(frozen=True, slots=True)
class MessageId:
    """SAP's own number of a message: class, number, type."""

    area: str = ""
    number: str = ""
    type: str = ""

    def __str__(self) -> str:
        return f"{self.area}/{self.number}" if self.area and self.number else ""


class CallFailed(Exception):
    def __init__(
        self,
        trouble: Trouble,
        text: str,
        *,
        function: str = "",
        key: str = "",
        message_id: MessageId | None = None,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.text = text
        self.function = function
        self.key = key
        self.message_id = message_id or MessageId()
        self.hint = hint
        self.retry_after = retry_after


class Unsendable(ValueError):
    """A value that the way cannot carry, such as a control character in XML."""


# --- reading replies: by name, so that an added field never shifts others


def rows(reply: Reply, name: str) -> Sequence[Mapping[str, Any]]:
    """A table parameter; empty where it did not come."""
    found = reply.get(name)
    return found if isinstance(found, Sequence) and not isinstance(found, str | bytes) else ()


def structure(reply: Reply, name: str) -> Mapping[str, Any]:
    found = reply.get(name)
    return found if isinstance(found, Mapping) else {}


def text(holder: Mapping[str, Any], name: str) -> str:
    """An elementary value's text without the blanks at its end."""
    found = holder.get(name)
    return "" if found is None or isinstance(found, Mapping | list) else str(found).rstrip(" ")


def number(holder: Mapping[str, Any], name: str) -> int:
    found = text(holder, name).strip()
    size = natural(found.removeprefix("-")) or 0
    return -size if found.startswith("-") else size
