from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.counts_out import CountsOut
    from ..models.fleet_agent_out import FleetAgentOut


T = TypeVar("T", bound="FleetOut")


@_attrs_define
class FleetOut:
    """
    Attributes:
        as_of (datetime.datetime):
        agents (CountsOut):
        connections (CountsOut):
        items (list[FleetAgentOut]): The worst first.
        next_cursor (None | str):
        has_more (bool):
    """

    as_of: datetime.datetime
    agents: CountsOut
    connections: CountsOut
    items: list[FleetAgentOut]
    next_cursor: None | str
    has_more: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        as_of = self.as_of.isoformat()

        agents = self.agents.to_dict()

        connections = self.connections.to_dict()

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        next_cursor: None | str
        next_cursor = self.next_cursor

        has_more = self.has_more

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "asOf": as_of,
                "agents": agents,
                "connections": connections,
                "items": items,
                "nextCursor": next_cursor,
                "hasMore": has_more,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.counts_out import CountsOut  # noqa: PLC0415
        from ..models.fleet_agent_out import FleetAgentOut  # noqa: PLC0415

        d = dict(src_dict)
        as_of = datetime.datetime.fromisoformat(d.pop("asOf"))

        agents = CountsOut.from_dict(d.pop("agents"))

        connections = CountsOut.from_dict(d.pop("connections"))

        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = FleetAgentOut.from_dict(items_item_data)

            items.append(items_item)

        def _parse_next_cursor(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_cursor = _parse_next_cursor(d.pop("nextCursor"))

        has_more = d.pop("hasMore")

        fleet_out = cls(
            as_of=as_of,
            agents=agents,
            connections=connections,
            items=items,
            next_cursor=next_cursor,
            has_more=has_more,
        )

        fleet_out.additional_properties = d
        return fleet_out

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
