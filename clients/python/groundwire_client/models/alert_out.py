from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.rule import Rule

T = TypeVar("T", bound="AlertOut")


@_attrs_define
class AlertOut:
    """
    Attributes:
        id (str):
        rule (Rule):
        agent (None | str): Null: it is about the relay.
        connection (None | str): Null: it is about the agent.
        value (int): What was measured when it was raised.
        threshold (int):
        unit (str):
        message (str):
        hint (str):
        raised_at (datetime.datetime):
        cleared_at (datetime.datetime | None):
    """

    id: str
    rule: Rule
    agent: None | str
    connection: None | str
    value: int
    threshold: int
    unit: str
    message: str
    hint: str
    raised_at: datetime.datetime
    cleared_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        rule = self.rule.value

        agent: None | str
        agent = self.agent

        connection: None | str
        connection = self.connection

        value = self.value

        threshold = self.threshold

        unit = self.unit

        message = self.message

        hint = self.hint

        raised_at = self.raised_at.isoformat()

        cleared_at: None | str
        if isinstance(self.cleared_at, datetime.datetime):
            cleared_at = self.cleared_at.isoformat()
        else:
            cleared_at = self.cleared_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "rule": rule,
                "agent": agent,
                "connection": connection,
                "value": value,
                "threshold": threshold,
                "unit": unit,
                "message": message,
                "hint": hint,
                "raisedAt": raised_at,
                "clearedAt": cleared_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        rule = Rule(d.pop("rule"))

        def _parse_agent(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        agent = _parse_agent(d.pop("agent"))

        def _parse_connection(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        connection = _parse_connection(d.pop("connection"))

        value = d.pop("value")

        threshold = d.pop("threshold")

        unit = d.pop("unit")

        message = d.pop("message")

        hint = d.pop("hint")

        raised_at = datetime.datetime.fromisoformat(d.pop("raisedAt"))

        def _parse_cleared_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                cleared_at_type_0 = datetime.datetime.fromisoformat(data)

                return cleared_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        cleared_at = _parse_cleared_at(d.pop("clearedAt"))

        alert_out = cls(
            id=id,
            rule=rule,
            agent=agent,
            connection=connection,
            value=value,
            threshold=threshold,
            unit=unit,
            message=message,
            hint=hint,
            raised_at=raised_at,
            cleared_at=cleared_at,
        )

        alert_out.additional_properties = d
        return alert_out

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
