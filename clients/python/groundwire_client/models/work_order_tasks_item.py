from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.work_order_tasks_item_status_type_1 import WorkOrderTasksItemStatusType1

T = TypeVar("T", bound="WorkOrderTasksItem")


@_attrs_define
class WorkOrderTasksItem:
    """
    Attributes:
        key (None | str):
        code (None | str):
        title (None | str):
        description (None | str):
        priority (None | str):
        status (None | WorkOrderTasksItemStatusType1):
    """

    key: None | str
    code: None | str
    title: None | str
    description: None | str
    priority: None | str
    status: None | WorkOrderTasksItemStatusType1

    def to_dict(self) -> dict[str, Any]:
        key: None | str
        key = self.key

        code: None | str
        code = self.code

        title: None | str
        title = self.title

        description: None | str
        description = self.description

        priority: None | str
        priority = self.priority

        status: None | str
        if isinstance(self.status, WorkOrderTasksItemStatusType1):
            status = self.status.value
        else:
            status = self.status

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "key": key,
                "code": code,
                "title": title,
                "description": description,
                "priority": priority,
                "status": status,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        key = _parse_key(d.pop("key"))

        def _parse_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        code = _parse_code(d.pop("code"))

        def _parse_title(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        title = _parse_title(d.pop("title"))

        def _parse_description(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        description = _parse_description(d.pop("description"))

        def _parse_priority(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        priority = _parse_priority(d.pop("priority"))

        def _parse_status(data: object) -> None | WorkOrderTasksItemStatusType1:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_1 = WorkOrderTasksItemStatusType1(data)

                return status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | WorkOrderTasksItemStatusType1, data)

        status = _parse_status(d.pop("status"))

        work_order_tasks_item = cls(
            key=key,
            code=code,
            title=title,
            description=description,
            priority=priority,
            status=status,
        )

        return work_order_tasks_item
