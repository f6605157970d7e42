from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AgentOut")


@_attrs_define
class AgentOut:
    """An agent: one installation inside a customer's network.

    Attributes:
        id (str):
        name (str):
        connected (bool): Whether its tunnel is open at this moment.
        software (str):
        epoch (int): Grows with each new session; an older epoch is refused.
        enrolled_at (datetime.datetime):
        last_seen_at (datetime.datetime | None):
    """

    id: str
    name: str
    connected: bool
    software: str
    epoch: int
    enrolled_at: datetime.datetime
    last_seen_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        connected = self.connected

        software = self.software

        epoch = self.epoch

        enrolled_at = self.enrolled_at.isoformat()

        last_seen_at: None | str
        if isinstance(self.last_seen_at, datetime.datetime):
            last_seen_at = self.last_seen_at.isoformat()
        else:
            last_seen_at = self.last_seen_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "connected": connected,
                "software": software,
                "epoch": epoch,
                "enrolledAt": enrolled_at,
                "lastSeenAt": last_seen_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        connected = d.pop("connected")

        software = d.pop("software")

        epoch = d.pop("epoch")

        enrolled_at = datetime.datetime.fromisoformat(d.pop("enrolledAt"))

        def _parse_last_seen_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_seen_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_seen_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_seen_at = _parse_last_seen_at(d.pop("lastSeenAt"))

        agent_out = cls(
            id=id,
            name=name,
            connected=connected,
            software=software,
            epoch=epoch,
            enrolled_at=enrolled_at,
            last_seen_at=last_seen_at,
        )

        agent_out.additional_properties = d
        return agent_out

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
