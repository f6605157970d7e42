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
    from ..models.credentials_out import CredentialsOut
    from ..models.error_out import ErrorOut
    from ..models.reason_out import ReasonOut


T = TypeVar("T", bound="ConnectionHealthOut")


@_attrs_define
class ConnectionHealthOut:
    """A connection's health. Null is what its agent does not say.

    Attributes:
        connection (str):
        name (str):
        agent (str):
        state (HealthState):
        reasons (list[ReasonOut]): The worst first; none where all is well.
        agent_connected (bool):
        agent_connected_since (datetime.datetime | None):
        condition (str): The connection's state in its agent's words.
        paused (bool | None):
        error (ErrorOut | None):
        credentials (CredentialsOut):
        next_run_at (datetime.datetime | None):
        last_success_at (datetime.datetime | None): When a sync run of one of its streams last succeeded.
        late_since (datetime.datetime | None): When the stream that waits longest last succeeded, or was first heard of.
        last_run_dead_letters (int | None): Of the newest runs of its streams, the most of one.
        last_ack_at (datetime.datetime | None): When a batch of it was stored last.
        last_position (int | None): That batch's position in the feed.
        lag_seconds (float | None): Of that batch: from being read from the source to being stored here, clocks made
            equal.
        backlog (BacklogOut | None):
        certificates (list[CertificateOut]): That the hops to its source have shown; none where nobody has said, or
            where no certificate can be seen.
        told_at (datetime.datetime | None):
    """

    connection: str
    name: str
    agent: str
    state: HealthState
    reasons: list[ReasonOut]
    agent_connected: bool
    agent_connected_since: datetime.datetime | None
    condition: str
    paused: bool | None
    error: ErrorOut | None
    credentials: CredentialsOut
    next_run_at: datetime.datetime | None
    last_success_at: datetime.datetime | None
    late_since: datetime.datetime | None
    last_run_dead_letters: int | None
    last_ack_at: datetime.datetime | None
    last_position: int | None
    lag_seconds: float | None
    backlog: BacklogOut | None
    certificates: list[CertificateOut]
    told_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.backlog_out import BacklogOut  # noqa: PLC0415
        from ..models.error_out import ErrorOut  # noqa: PLC0415

        connection = self.connection

        name = self.name

        agent = self.agent

        state = self.state.value

        reasons = []
        for reasons_item_data in self.reasons:
            reasons_item = reasons_item_data.to_dict()
            reasons.append(reasons_item)

        agent_connected = self.agent_connected

        agent_connected_since: None | str
        if isinstance(self.agent_connected_since, datetime.datetime):
            agent_connected_since = self.agent_connected_since.isoformat()
        else:
            agent_connected_since = self.agent_connected_since

        condition = self.condition

        paused: bool | None
        paused = self.paused

        error: dict[str, Any] | None
        if isinstance(self.error, ErrorOut):
            error = self.error.to_dict()
        else:
            error = self.error

        credentials = self.credentials.to_dict()

        next_run_at: None | str
        if isinstance(self.next_run_at, datetime.datetime):
            next_run_at = self.next_run_at.isoformat()
        else:
            next_run_at = self.next_run_at

        last_success_at: None | str
        if isinstance(self.last_success_at, datetime.datetime):
            last_success_at = self.last_success_at.isoformat()
        else:
            last_success_at = self.last_success_at

        late_since: None | str
        if isinstance(self.late_since, datetime.datetime):
            late_since = self.late_since.isoformat()
        else:
            late_since = self.late_since

        last_run_dead_letters: int | None
        last_run_dead_letters = self.last_run_dead_letters

        last_ack_at: None | str
        if isinstance(self.last_ack_at, datetime.datetime):
            last_ack_at = self.last_ack_at.isoformat()
        else:
            last_ack_at = self.last_ack_at

        last_position: int | None
        last_position = self.last_position

        lag_seconds: float | None
        lag_seconds = self.lag_seconds

        backlog: dict[str, Any] | None
        if isinstance(self.backlog, BacklogOut):
            backlog = self.backlog.to_dict()
        else:
            backlog = self.backlog

        certificates = []
        for certificates_item_data in self.certificates:
            certificates_item = certificates_item_data.to_dict()
            certificates.append(certificates_item)

        told_at: None | str
        if isinstance(self.told_at, datetime.datetime):
            told_at = self.told_at.isoformat()
        else:
            told_at = self.told_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "connection": connection,
                "name": name,
                "agent": agent,
                "state": state,
                "reasons": reasons,
                "agentConnected": agent_connected,
                "agentConnectedSince": agent_connected_since,
                "condition": condition,
                "paused": paused,
                "error": error,
                "credentials": credentials,
                "nextRunAt": next_run_at,
                "lastSuccessAt": last_success_at,
                "lateSince": late_since,
                "lastRunDeadLetters": last_run_dead_letters,
                "lastAckAt": last_ack_at,
                "lastPosition": last_position,
                "lagSeconds": lag_seconds,
                "backlog": backlog,
                "certificates": certificates,
                "toldAt": told_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.backlog_out import BacklogOut  # noqa: PLC0415
        from ..models.certificate_out import CertificateOut  # noqa: PLC0415
        from ..models.credentials_out import CredentialsOut  # noqa: PLC0415
        from ..models.error_out import ErrorOut  # noqa: PLC0415
        from ..models.reason_out import ReasonOut  # noqa: PLC0415

        d = dict(src_dict)
        connection = d.pop("connection")

        name = d.pop("name")

        agent = d.pop("agent")

        state = HealthState(d.pop("state"))

        reasons = []
        _reasons = d.pop("reasons")
        for reasons_item_data in _reasons:
            reasons_item = ReasonOut.from_dict(reasons_item_data)

            reasons.append(reasons_item)

        agent_connected = d.pop("agentConnected")

        def _parse_agent_connected_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                agent_connected_since_type_0 = datetime.datetime.fromisoformat(data)

                return agent_connected_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        agent_connected_since = _parse_agent_connected_since(d.pop("agentConnectedSince"))

        condition = d.pop("condition")

        def _parse_paused(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        paused = _parse_paused(d.pop("paused"))

        def _parse_error(data: object) -> ErrorOut | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                error_type_0 = ErrorOut.from_dict(data)

                return error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ErrorOut | None, data)

        error = _parse_error(d.pop("error"))

        credentials = CredentialsOut.from_dict(d.pop("credentials"))

        def _parse_next_run_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                next_run_at_type_0 = datetime.datetime.fromisoformat(data)

                return next_run_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        next_run_at = _parse_next_run_at(d.pop("nextRunAt"))

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

        def _parse_late_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                late_since_type_0 = datetime.datetime.fromisoformat(data)

                return late_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        late_since = _parse_late_since(d.pop("lateSince"))

        def _parse_last_run_dead_letters(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        last_run_dead_letters = _parse_last_run_dead_letters(d.pop("lastRunDeadLetters"))

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

        def _parse_last_position(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        last_position = _parse_last_position(d.pop("lastPosition"))

        def _parse_lag_seconds(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        lag_seconds = _parse_lag_seconds(d.pop("lagSeconds"))

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

        certificates = []
        _certificates = d.pop("certificates")
        for certificates_item_data in _certificates:
            certificates_item = CertificateOut.from_dict(certificates_item_data)

            certificates.append(certificates_item)

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

        connection_health_out = cls(
            connection=connection,
            name=name,
            agent=agent,
            state=state,
            reasons=reasons,
            agent_connected=agent_connected,
            agent_connected_since=agent_connected_since,
            condition=condition,
            paused=paused,
            error=error,
            credentials=credentials,
            next_run_at=next_run_at,
            last_success_at=last_success_at,
            late_since=late_since,
            last_run_dead_letters=last_run_dead_letters,
            last_ack_at=last_ack_at,
            last_position=last_position,
            lag_seconds=lag_seconds,
            backlog=backlog,
            certificates=certificates,
            told_at=told_at,
        )

        connection_health_out.additional_properties = d
        return connection_health_out

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
