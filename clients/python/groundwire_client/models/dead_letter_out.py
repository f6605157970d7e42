from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.dead_letter_state import DeadLetterState

T = TypeVar("T", bound="DeadLetterOut")


@_attrs_define
class DeadLetterOut:
    """A record that could not pass; its content stays at the agent.

    Attributes:
        connection (str):
        stream (str):
        entity (str):
        run (str):
        key (str): The record's; empty: it stands for a whole batch that cannot be read.
        field (str): Where in the record.
        reason (str): Why, as a code; the page on messages has each with what to do.
        message (str): Why, in words, without the value.
        state (DeadLetterState):
        received_at (datetime.datetime):
    """

    connection: str
    stream: str
    entity: str
    run: str
    key: str
    field: str
    reason: str
    message: str
    state: DeadLetterState
    received_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        connection = self.connection

        stream = self.stream

        entity = self.entity

        run = self.run

        key = self.key

        field = self.field

        reason = self.reason

        message = self.message

        state = self.state.value

        received_at = self.received_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "connection": connection,
                "stream": stream,
                "entity": entity,
                "run": run,
                "key": key,
                "field": field,
                "reason": reason,
                "message": message,
                "state": state,
                "receivedAt": received_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        connection = d.pop("connection")

        stream = d.pop("stream")

        entity = d.pop("entity")

        run = d.pop("run")

        key = d.pop("key")

        field = d.pop("field")

        reason = d.pop("reason")

        message = d.pop("message")

        state = DeadLetterState(d.pop("state"))

        received_at = datetime.datetime.fromisoformat(d.pop("receivedAt"))

        dead_letter_out = cls(
            connection=connection,
            stream=stream,
            entity=entity,
            run=run,
            key=key,
            field=field,
            reason=reason,
            message=message,
            state=state,
            received_at=received_at,
        )

        dead_letter_out.additional_properties = d
        return dead_letter_out

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
