from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="WorkOrderRecordResourcesItem")


@_attrs_define
class WorkOrderRecordResourcesItem:
    """
    Attributes:
        labor_key (None | str | Unset):
        vendor_key (None | str | Unset):
        name (None | str | Unset):
        estimated_time (None | str | Unset):
        registered_time (None | str | Unset):
        rate (None | str | Unset):
        cost (None | str | Unset):
        started_at (datetime.datetime | None | Unset):
        finished_at (datetime.datetime | None | Unset):
    """

    labor_key: None | str | Unset = UNSET
    vendor_key: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    estimated_time: None | str | Unset = UNSET
    registered_time: None | str | Unset = UNSET
    rate: None | str | Unset = UNSET
    cost: None | str | Unset = UNSET
    started_at: datetime.datetime | None | Unset = UNSET
    finished_at: datetime.datetime | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        labor_key: None | str | Unset
        if isinstance(self.labor_key, Unset):
            labor_key = UNSET
        else:
            labor_key = self.labor_key

        vendor_key: None | str | Unset
        if isinstance(self.vendor_key, Unset):
            vendor_key = UNSET
        else:
            vendor_key = self.vendor_key

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        estimated_time: None | str | Unset
        if isinstance(self.estimated_time, Unset):
            estimated_time = UNSET
        else:
            estimated_time = self.estimated_time

        registered_time: None | str | Unset
        if isinstance(self.registered_time, Unset):
            registered_time = UNSET
        else:
            registered_time = self.registered_time

        rate: None | str | Unset
        if isinstance(self.rate, Unset):
            rate = UNSET
        else:
            rate = self.rate

        cost: None | str | Unset
        if isinstance(self.cost, Unset):
            cost = UNSET
        else:
            cost = self.cost

        started_at: None | str | Unset
        if isinstance(self.started_at, Unset):
            started_at = UNSET
        elif isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        finished_at: None | str | Unset
        if isinstance(self.finished_at, Unset):
            finished_at = UNSET
        elif isinstance(self.finished_at, datetime.datetime):
            finished_at = self.finished_at.isoformat()
        else:
            finished_at = self.finished_at

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if labor_key is not UNSET:
            field_dict["laborKey"] = labor_key
        if vendor_key is not UNSET:
            field_dict["vendorKey"] = vendor_key
        if name is not UNSET:
            field_dict["name"] = name
        if estimated_time is not UNSET:
            field_dict["estimatedTime"] = estimated_time
        if registered_time is not UNSET:
            field_dict["registeredTime"] = registered_time
        if rate is not UNSET:
            field_dict["rate"] = rate
        if cost is not UNSET:
            field_dict["cost"] = cost
        if started_at is not UNSET:
            field_dict["startedAt"] = started_at
        if finished_at is not UNSET:
            field_dict["finishedAt"] = finished_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_labor_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        labor_key = _parse_labor_key(d.pop("laborKey", UNSET))

        def _parse_vendor_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey", UNSET))

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_estimated_time(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        estimated_time = _parse_estimated_time(d.pop("estimatedTime", UNSET))

        def _parse_registered_time(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        registered_time = _parse_registered_time(d.pop("registeredTime", UNSET))

        def _parse_rate(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        rate = _parse_rate(d.pop("rate", UNSET))

        def _parse_cost(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        cost = _parse_cost(d.pop("cost", UNSET))

        def _parse_started_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        started_at = _parse_started_at(d.pop("startedAt", UNSET))

        def _parse_finished_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                finished_at_type_0 = datetime.datetime.fromisoformat(data)

                return finished_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        finished_at = _parse_finished_at(d.pop("finishedAt", UNSET))

        work_order_record_resources_item = cls(
            labor_key=labor_key,
            vendor_key=vendor_key,
            name=name,
            estimated_time=estimated_time,
            registered_time=registered_time,
            rate=rate,
            cost=cost,
            started_at=started_at,
            finished_at=finished_at,
        )

        return work_order_record_resources_item
