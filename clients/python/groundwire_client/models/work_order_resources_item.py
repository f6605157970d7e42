from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="WorkOrderResourcesItem")


@_attrs_define
class WorkOrderResourcesItem:
    """
    Attributes:
        labor_key (None | str):
        vendor_key (None | str):
        name (None | str):
        estimated_time (None | str):
        registered_time (None | str):
        rate (None | str):
        cost (None | str):
        started_at (datetime.datetime | None):
        finished_at (datetime.datetime | None):
    """

    labor_key: None | str
    vendor_key: None | str
    name: None | str
    estimated_time: None | str
    registered_time: None | str
    rate: None | str
    cost: None | str
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None

    def to_dict(self) -> dict[str, Any]:
        labor_key: None | str
        labor_key = self.labor_key

        vendor_key: None | str
        vendor_key = self.vendor_key

        name: None | str
        name = self.name

        estimated_time: None | str
        estimated_time = self.estimated_time

        registered_time: None | str
        registered_time = self.registered_time

        rate: None | str
        rate = self.rate

        cost: None | str
        cost = self.cost

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        finished_at: None | str
        if isinstance(self.finished_at, datetime.datetime):
            finished_at = self.finished_at.isoformat()
        else:
            finished_at = self.finished_at

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "laborKey": labor_key,
                "vendorKey": vendor_key,
                "name": name,
                "estimatedTime": estimated_time,
                "registeredTime": registered_time,
                "rate": rate,
                "cost": cost,
                "startedAt": started_at,
                "finishedAt": finished_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_labor_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        labor_key = _parse_labor_key(d.pop("laborKey"))

        def _parse_vendor_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey"))

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        def _parse_estimated_time(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        estimated_time = _parse_estimated_time(d.pop("estimatedTime"))

        def _parse_registered_time(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        registered_time = _parse_registered_time(d.pop("registeredTime"))

        def _parse_rate(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        rate = _parse_rate(d.pop("rate"))

        def _parse_cost(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        cost = _parse_cost(d.pop("cost"))

        def _parse_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        started_at = _parse_started_at(d.pop("startedAt"))

        def _parse_finished_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                finished_at_type_0 = datetime.datetime.fromisoformat(data)

                return finished_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        finished_at = _parse_finished_at(d.pop("finishedAt"))

        work_order_resources_item = cls(
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

        return work_order_resources_item
