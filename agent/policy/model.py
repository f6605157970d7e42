"""What policy.toml says, as frozen values. Whatever it does not name does not leave, is not written and is not done.

The tables are read strictly; `faults` finds what their shape alone cannot show: names that do not exist.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    WithJsonSchema,
)

from agent.configuration.hours import QUIET_HOURS_PATTERN, QuietHours, check_time_zone, parse_quiet_hours

ALL: Final = "all"
POLICY_FILE: Final = "policy.toml"
AMOUNT_PATTERN: Final = r"^[0-9]{1,20}(\.[0-9]{1,10})?$"
CURRENCY_PATTERN: Final = r"^[A-Za-z0-9]{1,10}$"

Path = tuple[str | int, ...]


def _read_fields(value: object) -> object:
    if value == ALL:
        return ALL
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise ValueError('must be "all" or a list of exact names: ["orderNo", "lineItems.quantity"]')


def _read_names(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise ValueError('must be a list of texts: ["..."]')


def _read_some(value: object) -> object:
    names = _read_names(value)
    if not names:
        raise ValueError("must name at least one text")
    return names


def _matches(pattern: str, sentence: str) -> Any:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(sentence)
        return text

    return AfterValidator(check)


_LIST: Final = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
Names = Annotated[tuple[str, ...], BeforeValidator(_read_names), WithJsonSchema(_LIST)]
SomeNames = Annotated[tuple[str, ...], BeforeValidator(_read_some), WithJsonSchema({**_LIST, "minItems": 1})]
Fields = Annotated[
    Literal["all"] | tuple[str, ...],
    BeforeValidator(_read_fields),
    WithJsonSchema({"anyOf": [{"const": ALL}, _LIST]}),
]
Quiet = Annotated[
    tuple[InstanceOf[QuietHours], ...],
    BeforeValidator(lambda value: tuple(map(parse_quiet_hours, _read_names(value)))),
    PlainSerializer(lambda value: [str(one) for one in value]),
    WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": QUIET_HOURS_PATTERN}}),
]
Amount = Annotated[
    str,
    _matches(AMOUNT_PATTERN, 'an amount is text with a point, such as "10000.00"'),
    WithJsonSchema({"type": "string", "pattern": AMOUNT_PATTERN}),
]
Currency = Annotated[
    str,
    _matches(CURRENCY_PATTERN, "a currency is written as in the records, such as EUR"),
    WithJsonSchema({"type": "string", "pattern": CURRENCY_PATTERN}),
]


class PolicyTable(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, populate_by_name=False
    )


class LeaveRule(PolicyTable):
    """What of an entity's records may leave this host."""

    fields: Fields = Field(
        default=(), description='"all", or exact names. Absent: only what mask and hash name.'
    )
    stay: Names = Field(
        default=(), alias="except", description="Stay here, whatever `fields`, `mask` and `hash` say."
    )
    mask: Names = Field(default=(), description='Leave as "***"; what is no text leaves as null.')
    hash: Names = Field(default=(), description="Texts that leave as a hash with this agent's own key.")
    rows: dict[str, SomeNames] = Field(
        default_factory=dict, description="Only records whose field has exactly one of these texts."
    )
    raw: bool = Field(default=False, description="Whether the source record may travel along (`send_raw`).")

    @property
    def hides(self) -> bool:
        """Whether some field of a record that leaves does not leave as it is."""
        return self.fields != ALL or bool(self.stay or self.mask or self.hash)

    @property
    def fingerprint(self) -> str:
        """Equal for equal rules about the form of what leaves."""
        text = json.dumps(self.model_dump(mode="json", exclude={"raw"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class WriteRule(PolicyTable):
    """What may be written to an entity's records."""

    operations: Names = Field(default=(), description="Of create, update, delete, set_status.")
    fields: Fields = Field(default=(), description='"all", or exact names. Absent: none.')
    max_amount: dict[Currency, Amount] | None = Field(
        default=None, description="The most one record may come to, by currency; others are refused."
    )
    per_hour: int | None = Field(default=None, ge=0, le=1_000_000, description="Writes in any hour at most.")
    statuses: Names = Field(default=(), description="That may be set; absent: none.")


class ConnectionRule(PolicyTable):
    """What may happen with one connection."""

    commands: Names = Field(default=(), description="Commands of the relay that are taken; absent: none.")
    quiet_hours: Quiet = Field(default=(), description="No command is taken then.")
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = Field(
        default="UTC", description="For quiet hours, such as Europe/Berlin."
    )
    leave: dict[str, LeaveRule] = Field(default_factory=dict, description="By entity.")
    write: dict[str, WriteRule] = Field(default_factory=dict, description="By entity.")


class PolicyFile(PolicyTable):
    """policy.toml: what may leave, be written and be done. Whatever is not named is not allowed."""

    commands: Names = Field(
        default=(),
        description="Commands that concern the agent as a whole: diagnostics, diagnostics_bundle, cancel.",
    )
    connections: dict[str, ConnectionRule] = Field(default_factory=dict, description="By connection.")


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy in force."""

    file: PolicyFile = field(default_factory=PolicyFile)
    lines: Mapping[Path, int] = field(default_factory=lambda: MappingProxyType({}))
    fault: str = ""  # why there is none: then everything is refused, and this is what the operator reads
    digest: str = ""  # sha256 of the file it was read from

    @classmethod
    def nothing(cls, fault: str = "") -> Policy:
        """Nothing leaves, nothing is written, no command is taken."""
        return cls(fault=fault)

    def connection(self, connection: str) -> ConnectionRule | None:
        return self.file.connections.get(connection)

    def leave(self, connection: str, entity: str) -> LeaveRule | None:
        rule = self.connection(connection)
        return rule.leave.get(entity) if rule else None

    def write(self, connection: str, entity: str) -> WriteRule | None:
        rule = self.connection(connection)
        return rule.write.get(entity) if rule else None

    def place(self, *path: str | int) -> str:
        """`policy.toml:12: connections.erp.leave.vendor`, or only the name of what is not there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{POLICY_FILE}:{self.lines[path[:length]]}: {'.'.join(map(str, path[:length]))}"
        return ""
