from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.disabled_reason import DisabledReason
from ..models.event_type import EventType

T = TypeVar("T", bound="WebhookEndpointOut")


@_attrs_define
class WebhookEndpointOut:
    """Where events are sent.

    Attributes:
        id (str):
        url (str):
        description (str):
        types (list[EventType | str]): Empty: all. One that a newer relay knows stands here by its name.
        connections (list[str]):
        ordered (bool):
        enabled (bool):
        created_at (datetime.datetime):
        updated_at (datetime.datetime):
        last_success_at (datetime.datetime | None): To the minute.
        failing_since (datetime.datetime | None): Null while what was answered last was answered well.
        disabled_at (datetime.datetime | None): When it was disabled; a replay from then on brings what it missed.
        disabled_reason (DisabledReason | None | str): Null while it is enabled. One of a newer relay stands here by its
            name.
    """

    id: str
    url: str
    description: str
    types: list[EventType | str]
    connections: list[str]
    ordered: bool
    enabled: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime
    last_success_at: datetime.datetime | None
    failing_since: datetime.datetime | None
    disabled_at: datetime.datetime | None
    disabled_reason: DisabledReason | None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        url = self.url

        description = self.description

        types = []
        for types_item_data in self.types:
            types_item: str
            if isinstance(types_item_data, EventType):
                types_item = types_item_data.value
            else:
                types_item = types_item_data
            types.append(types_item)

        connections = self.connections

        ordered = self.ordered

        enabled = self.enabled

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        last_success_at: None | str
        if isinstance(self.last_success_at, datetime.datetime):
            last_success_at = self.last_success_at.isoformat()
        else:
            last_success_at = self.last_success_at

        failing_since: None | str
        if isinstance(self.failing_since, datetime.datetime):
            failing_since = self.failing_since.isoformat()
        else:
            failing_since = self.failing_since

        disabled_at: None | str
        if isinstance(self.disabled_at, datetime.datetime):
            disabled_at = self.disabled_at.isoformat()
        else:
            disabled_at = self.disabled_at

        disabled_reason: None | str
        if isinstance(self.disabled_reason, DisabledReason):
            disabled_reason = self.disabled_reason.value
        else:
            disabled_reason = self.disabled_reason

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "url": url,
                "description": description,
                "types": types,
                "connections": connections,
                "ordered": ordered,
                "enabled": enabled,
                "createdAt": created_at,
                "updatedAt": updated_at,
                "lastSuccessAt": last_success_at,
                "failingSince": failing_since,
                "disabledAt": disabled_at,
                "disabledReason": disabled_reason,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        url = d.pop("url")

        description = d.pop("description")

        types = []
        _types = d.pop("types")
        for types_item_data in _types:

            def _parse_types_item(data: object) -> EventType | str:
                try:
                    if not isinstance(data, str):
                        raise TypeError()
                    types_item_type_0 = EventType(data)

                    return types_item_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(EventType | str, data)

            types_item = _parse_types_item(types_item_data)

            types.append(types_item)

        connections = cast(list[str], d.pop("connections"))

        ordered = d.pop("ordered")

        enabled = d.pop("enabled")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        def _parse_last_success_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_success_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_success_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_success_at = _parse_last_success_at(d.pop("lastSuccessAt"))

        def _parse_failing_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                failing_since_type_0 = datetime.datetime.fromisoformat(data)

                return failing_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        failing_since = _parse_failing_since(d.pop("failingSince"))

        def _parse_disabled_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                disabled_at_type_0 = datetime.datetime.fromisoformat(data)

                return disabled_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        disabled_at = _parse_disabled_at(d.pop("disabledAt"))

        def _parse_disabled_reason(data: object) -> DisabledReason | None | str:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                disabled_reason_type_0 = DisabledReason(data)

                return disabled_reason_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(DisabledReason | None | str, data)

        disabled_reason = _parse_disabled_reason(d.pop("disabledReason"))

        webhook_endpoint_out = cls(
            id=id,
            url=url,
            description=description,
            types=types,
            connections=connections,
            ordered=ordered,
            enabled=enabled,
            created_at=created_at,
            updated_at=updated_at,
            last_success_at=last_success_at,
            failing_since=failing_since,
            disabled_at=disabled_at,
            disabled_reason=disabled_reason,
        )

        webhook_endpoint_out.additional_properties = d
        return webhook_endpoint_out

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
