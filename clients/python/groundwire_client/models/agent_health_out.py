from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.health_state import HealthState

if TYPE_CHECKING:
    from ..models.backlog_out import BacklogOut
    from ..models.certificate_out import CertificateOut
    from ..models.connection_state_out import ConnectionStateOut
    from ..models.outbox_out import OutboxOut
    from ..models.reason_out import ReasonOut


T = TypeVar("T", bound="AgentHealthOut")


@_attrs_define
class AgentHealthOut:
    """An agent's health. Null is what it does not say, such as one of an older version.

    Attributes:
        agent (str):
        name (str):
        state (HealthState):
        reasons (list[ReasonOut]): The worst first; none where all is well.
        connected (bool):
        connected_since (datetime.datetime | None):
        last_seen_at (datetime.datetime | None): The last moment at which it was connected.
        software (str):
        last_ack_at (datetime.datetime | None): When a batch of it was stored last.
        lag_seconds (float | None): Of that batch: from being read from the source to being stored here, clocks made
            equal.
        clock_skew_seconds (float | None): The agent's clock ahead of the relay's.
        told_at (datetime.datetime | None): When it told of itself last.
        backlog (BacklogOut | None):
        outbox (None | OutboxOut):
        certificates (list[CertificateOut]):
        connections (list[ConnectionStateOut]):
    """

    agent: str
    name: str
    state: HealthState
    reasons: list[ReasonOut]
    connected: bool
    connected_since: datetime.datetime | None
    last_seen_at: datetime.datetime | None
    software: str
    last_ack_at: datetime.datetime | None
    lag_seconds: float | None
    clock_skew_seconds: float | None
    told_at: datetime.datetime | None
    backlog: BacklogOut | None
    outbox: None | OutboxOut
    certificates: list[CertificateOut]
    connections: list[ConnectionStateOut]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.backlog_out import BacklogOut  # noqa: PLC0415
        from ..models.outbox_out import OutboxOut  # noqa: PLC0415

        agent = self.agent

        name = self.name

        state = self.state.value

        reasons = []
        for reasons_item_data in self.reasons:
            reasons_item = reasons_item_data.to_dict()
            reasons.append(reasons_item)

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

        software = self.software

        last_ack_at: None | str
        if isinstance(self.last_ack_at, datetime.datetime):
            last_ack_at = self.last_ack_at.isoformat()
        else:
            last_ack_at = self.last_ack_at

        lag_seconds: float | None
        lag_seconds = self.lag_seconds

        clock_skew_seconds: float | None
        clock_skew_seconds = self.clock_skew_seconds

        told_at: None | str
        if isinstance(self.told_at, datetime.datetime):
            told_at = self.told_at.isoformat()
        else:
            told_at = self.told_at

        backlog: dict[str, Any] | None
        if isinstance(self.backlog, BacklogOut):
            backlog = self.backlog.to_dict()
        else:
            backlog = self.backlog

        outbox: dict[str, Any] | None
        if isinstance(self.outbox, OutboxOut):
            outbox = self.outbox.to_dict()
        else:
            outbox = self.outbox

        certificates = []
        for certificates_item_data in self.certificates:
            certificates_item = certificates_item_data.to_dict()
            certificates.append(certificates_item)

        connections = []
        for connections_item_data in self.connections:
            connections_item = connections_item_data.to_dict()
            connections.append(connections_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent": agent,
                "name": name,
                "state": state,
                "reasons": reasons,
                "connected": connected,
                "connectedSince": connected_since,
                "lastSeenAt": last_seen_at,
                "software": software,
                "lastAckAt": last_ack_at,
                "lagSeconds": lag_seconds,
                "clockSkewSeconds": clock_skew_seconds,
                "toldAt": told_at,
                "backlog": backlog,
                "outbox": outbox,
                "certificates": certificates,
                "connections": connections,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.backlog_out import BacklogOut  # noqa: PLC0415
        from ..models.certificate_out import CertificateOut  # noqa: PLC0415
        from ..models.connection_state_out import ConnectionStateOut  # noqa: PLC0415
        from ..models.outbox_out import OutboxOut  # noqa: PLC0415
        from ..models.reason_out import ReasonOut  # noqa: PLC0415

        d = dict(src_dict)
        agent = d.pop("agent")

        name = d.pop("name")

        state = HealthState(d.pop("state"))

        reasons = []
        _reasons = d.pop("reasons")
        for reasons_item_data in _reasons:
            reasons_item = ReasonOut.from_dict(reasons_item_data)

            reasons.append(reasons_item)

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

        software = d.pop("software")

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

        def _parse_lag_seconds(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        lag_seconds = _parse_lag_seconds(d.pop("lagSeconds"))

        def _parse_clock_skew_seconds(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        clock_skew_seconds = _parse_clock_skew_seconds(d.pop("clockSkewSeconds"))

        def _parse_told_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                told_at_type_0 = datetime.datetime.fromisoformat(data)

                return told_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        told_at = _parse_told_at(d.pop("toldAt"))

        def _parse_backlog(data: object) -> BacklogOut | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                backlog_type_0 = BacklogOut.from_dict(data)

                return backlog_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BacklogOut | None, data)

        backlog = _parse_backlog(d.pop("backlog"))

        def _parse_outbox(data: object) -> None | OutboxOut:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                outbox_type_0 = OutboxOut.from_dict(data)

                return outbox_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | OutboxOut, data)

        outbox = _parse_outbox(d.pop("outbox"))

        certificates = []
        _certificates = d.pop("certificates")
        for certificates_item_data in _certificates:
            certificates_item = CertificateOut.from_dict(certificates_item_data)

            certificates.append(certificates_item)

        connections = []
        _connections = d.pop("connections")
        for connections_item_data in _connections:
            connections_item = ConnectionStateOut.from_dict(connections_item_data)

            connections.append(connections_item)

        agent_health_out = cls(
            agent=agent,
            name=name,
            state=state,
            reasons=reasons,
            connected=connected,
            connected_since=connected_since,
            last_seen_at=last_seen_at,
            software=software,
            last_ack_at=last_ack_at,
            lag_seconds=lag_seconds,
            clock_skew_seconds=clock_skew_seconds,
            told_at=told_at,
            backlog=backlog,
            outbox=outbox,
            certificates=certificates,
            connections=connections,
        )

        agent_health_out.additional_properties = d
        return agent_health_out

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
