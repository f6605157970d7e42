from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.health_state import HealthState

if TYPE_CHECKING:
    from ..models.counts_out import CountsOut


T = TypeVar("T", bound="FleetAgentOut")


@_attrs_define
class FleetAgentOut:
    """
    Attributes:
        agent (str):
        name (str):
        state (HealthState):
        agent_state (HealthState):
        reasons (list[str]): The codes of the agent's own; its health has the rest.
        connected (bool):
        connected_since (datetime.datetime | None):
        last_seen_at (datetime.datetime | None):
        last_ack_at (datetime.datetime | None):
        software (str):
        backlog_records (int | None):
        backlog_bytes (int | None):
        empty_in_seconds (float | None):
        connections (CountsOut):
    """

    agent: str
    name: str
    state: HealthState
    agent_state: HealthState
    reasons: list[str]
    connected: bool
    connected_since: datetime.datetime | None
    last_seen_at: datetime.datetime | None
    last_ack_at: datetime.datetime | None
    software: str
    backlog_records: int | None
    backlog_bytes: int | None
    empty_in_seconds: float | None
    connections: CountsOut
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        agent = self.agent

        name = self.name

        state = self.state.value

        agent_state = self.agent_state.value

        reasons = self.reasons

        connected = self.connected

        connected_since: None | str
        if isinstance(self.connected_since, datetime.datetime):
            connected_since = self.connected_since.isoformat()
        else:
            connected_since = self.connected_since

        last_seen_at: None | str
        if isinstance(self.last_seen_at, datetime.datetime):
            last_seen_at = self.last_seen_at.isoformat()
        else:
            last_seen_at = self.last_seen_at

        last_ack_at: None | str
        if isinstance(self.last_ack_at, datetime.datetime):
            last_ack_at = self.last_ack_at.isoformat()
        else:
            last_ack_at = self.last_ack_at

        software = self.software

        backlog_records: int | None
        backlog_records = self.backlog_records

        backlog_bytes: int | None
        backlog_bytes = self.backlog_bytes

        empty_in_seconds: float | None
        empty_in_seconds = self.empty_in_seconds

        connections = self.connections.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent": agent,
                "name": name,
                "state": state,
                "agentState": agent_state,
                "reasons": reasons,
                "connected": connected,
                "connectedSince": connected_since,
                "lastSeenAt": last_seen_at,
                "lastAckAt": last_ack_at,
                "software": software,
                "backlogRecords": backlog_records,
                "backlogBytes": backlog_bytes,
                "emptyInSeconds": empty_in_seconds,
                "connections": connections,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.counts_out import CountsOut  # noqa: PLC0415

        d = dict(src_dict)
        agent = d.pop("agent")

        name = d.pop("name")

        state = HealthState(d.pop("state"))

        agent_state = HealthState(d.pop("agentState"))

        reasons = cast(list[str], d.pop("reasons"))

        connected = d.pop("connected")

        def _parse_connected_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                connected_since_type_0 = datetime.datetime.fromisoformat(data)

                return connected_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        connected_since = _parse_connected_since(d.pop("connectedSince"))

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

        def _parse_last_ack_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_ack_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_ack_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_ack_at = _parse_last_ack_at(d.pop("lastAckAt"))

        software = d.pop("software")

        def _parse_backlog_records(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        backlog_records = _parse_backlog_records(d.pop("backlogRecords"))

        def _parse_backlog_bytes(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        backlog_bytes = _parse_backlog_bytes(d.pop("backlogBytes"))

        def _parse_empty_in_seconds(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        empty_in_seconds = _parse_empty_in_seconds(d.pop("emptyInSeconds"))

        connections = CountsOut.from_dict(d.pop("connections"))

        fleet_agent_out = cls(
            agent=agent,
            name=name,
            state=state,
            agent_state=agent_state,
            reasons=reasons,
            connected=connected,
            connected_since=connected_since,
            last_seen_at=last_seen_at,
            last_ack_at=last_ack_at,
            software=software,
            backlog_records=backlog_records,
            backlog_bytes=backlog_bytes,
            empty_in_seconds=empty_in_seconds,
            connections=connections,
        )

        fleet_agent_out.additional_properties = d
        return fleet_agent_out

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
