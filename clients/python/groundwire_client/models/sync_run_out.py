from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.differences_out import DifferencesOut
    from ..models.run_counts_out import RunCountsOut
    from ..models.sync_run_out_error_type_0 import SyncRunOutErrorType0


T = TypeVar("T", bound="SyncRunOut")


@_attrs_define
class SyncRunOut:
    """One sync of one stream, as its agent reported it.

    Attributes:
        run (str):
        connection (str):
        stream (str):
        entity (str):
        trigger (str): schedule, manual or command
        mode (str): initial, incremental or resync
        status (str): running, succeeded, failed or cancelled
        started_at (str):
        finished_at (None | str):
        counts (RunCountsOut):
        error (None | SyncRunOutErrorType0):
        differences (DifferencesOut | None | Unset):
        told_at (datetime.datetime | None | Unset): Of a run under way: when its agent told of it last; null of one that
            has ended.
    """

    run: str
    connection: str
    stream: str
    entity: str
    trigger: str
    mode: str
    status: str
    started_at: str
    finished_at: None | str
    counts: RunCountsOut
    error: None | SyncRunOutErrorType0
    differences: DifferencesOut | None | Unset = UNSET
    told_at: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.differences_out import DifferencesOut  # noqa: PLC0415
        from ..models.sync_run_out_error_type_0 import SyncRunOutErrorType0  # noqa: PLC0415

        run = self.run

        connection = self.connection

        stream = self.stream

        entity = self.entity

        trigger = self.trigger

        mode = self.mode

        status = self.status

        started_at = self.started_at

        finished_at: None | str
        finished_at = self.finished_at

        counts = self.counts.to_dict()

        error: dict[str, Any] | None
        if isinstance(self.error, SyncRunOutErrorType0):
            error = self.error.to_dict()
        else:
            error = self.error

        differences: dict[str, Any] | None | Unset
        if isinstance(self.differences, Unset):
            differences = UNSET
        elif isinstance(self.differences, DifferencesOut):
            differences = self.differences.to_dict()
        else:
            differences = self.differences

        told_at: None | str | Unset
        if isinstance(self.told_at, Unset):
            told_at = UNSET
        elif isinstance(self.told_at, datetime.datetime):
            told_at = self.told_at.isoformat()
        else:
            told_at = self.told_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "run": run,
                "connection": connection,
                "stream": stream,
                "entity": entity,
                "trigger": trigger,
                "mode": mode,
                "status": status,
                "startedAt": started_at,
                "finishedAt": finished_at,
                "counts": counts,
                "error": error,
            }
        )
        if differences is not UNSET:
            field_dict["differences"] = differences
        if told_at is not UNSET:
            field_dict["toldAt"] = told_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.differences_out import DifferencesOut  # noqa: PLC0415
        from ..models.run_counts_out import RunCountsOut  # noqa: PLC0415
        from ..models.sync_run_out_error_type_0 import SyncRunOutErrorType0  # noqa: PLC0415

        d = dict(src_dict)
        run = d.pop("run")

        connection = d.pop("connection")

        stream = d.pop("stream")

        entity = d.pop("entity")

        trigger = d.pop("trigger")

        mode = d.pop("mode")

        status = d.pop("status")

        started_at = d.pop("startedAt")

        def _parse_finished_at(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        finished_at = _parse_finished_at(d.pop("finishedAt"))

        counts = RunCountsOut.from_dict(d.pop("counts"))

        def _parse_error(data: object) -> None | SyncRunOutErrorType0:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                error_type_0 = SyncRunOutErrorType0.from_dict(data)

                return error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SyncRunOutErrorType0, data)

        error = _parse_error(d.pop("error"))

        def _parse_differences(data: object) -> DifferencesOut | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                differences_type_0 = DifferencesOut.from_dict(data)

                return differences_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(DifferencesOut | None | Unset, data)

        differences = _parse_differences(d.pop("differences", UNSET))

        def _parse_told_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                told_at_type_0 = datetime.datetime.fromisoformat(data)

                return told_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        told_at = _parse_told_at(d.pop("toldAt", UNSET))

        sync_run_out = cls(
            run=run,
            connection=connection,
            stream=stream,
            entity=entity,
            trigger=trigger,
            mode=mode,
            status=status,
            started_at=started_at,
            finished_at=finished_at,
            counts=counts,
            error=error,
            differences=differences,
            told_at=told_at,
        )

        sync_run_out.additional_properties = d
        return sync_run_out

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
