from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.work_order_status_type_1 import WorkOrderStatusType1
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.work_order_custom_fields import WorkOrderCustomFields
    from ..models.work_order_materials_item import WorkOrderMaterialsItem
    from ..models.work_order_raw_type_0 import WorkOrderRawType0
    from ..models.work_order_resources_item import WorkOrderResourcesItem
    from ..models.work_order_tasks_item import WorkOrderTasksItem


T = TypeVar("T", bound="WorkOrder")


@_attrs_define
class WorkOrder:
    """
    Attributes:
        key (str):
        code (None | str):
        parent_key (None | str):
        title (None | str):
        description (None | str):
        instructions (None | str):
        type_ (None | str):
        status (None | WorkOrderStatusType1):
        status_key (None | str):
        severity (None | str):
        asset_key (None | str):
        location_key (None | str):
        site_key (None | str):
        organization_key (None | str):
        account_key (None | str):
        service_request_key (None | str):
        pm_key (None | str):
        team_key (None | str):
        labor_assigned_key (None | str):
        user_approved_key (None | str):
        storeroom_key (None | str):
        category_name (None | str):
        estimated_time (None | str):
        actual_time (None | str):
        scheduled_at (datetime.datetime | None):
        due_at (datetime.datetime | None):
        approved_at (datetime.datetime | None):
        started_at (datetime.datetime | None):
        completed_at (datetime.datetime | None):
        completion_remarks (None | str):
        notes (None | str):
        tasks (list[WorkOrderTasksItem]):
        materials (list[WorkOrderMaterialsItem]):
        resources (list[WorkOrderResourcesItem]):
        custom_fields (WorkOrderCustomFields):
        source_key (None | str):
        content_hash (None | str):
        created_at (datetime.datetime | None):
        updated_at (datetime.datetime | None):
        deleted_at (datetime.datetime | None):
        connection (str): The connection's id.
        system (None | str):
        sync_run (None | str):
        read_at (datetime.datetime | None):
        raw (None | Unset | WorkOrderRawType0): The source record, on request.
        received_at (datetime.datetime | None | Unset): When the relay stored it.
        deleted (bool | Unset): Whether the record is gone at the source.
    """

    key: str
    code: None | str
    parent_key: None | str
    title: None | str
    description: None | str
    instructions: None | str
    type_: None | str
    status: None | WorkOrderStatusType1
    status_key: None | str
    severity: None | str
    asset_key: None | str
    location_key: None | str
    site_key: None | str
    organization_key: None | str
    account_key: None | str
    service_request_key: None | str
    pm_key: None | str
    team_key: None | str
    labor_assigned_key: None | str
    user_approved_key: None | str
    storeroom_key: None | str
    category_name: None | str
    estimated_time: None | str
    actual_time: None | str
    scheduled_at: datetime.datetime | None
    due_at: datetime.datetime | None
    approved_at: datetime.datetime | None
    started_at: datetime.datetime | None
    completed_at: datetime.datetime | None
    completion_remarks: None | str
    notes: None | str
    tasks: list[WorkOrderTasksItem]
    materials: list[WorkOrderMaterialsItem]
    resources: list[WorkOrderResourcesItem]
    custom_fields: WorkOrderCustomFields
    source_key: None | str
    content_hash: None | str
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    connection: str
    system: None | str
    sync_run: None | str
    read_at: datetime.datetime | None
    raw: None | Unset | WorkOrderRawType0 = UNSET
    received_at: datetime.datetime | None | Unset = UNSET
    deleted: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.work_order_raw_type_0 import WorkOrderRawType0  # noqa: PLC0415

        key = self.key

        code: None | str
        code = self.code

        parent_key: None | str
        parent_key = self.parent_key

        title: None | str
        title = self.title

        description: None | str
        description = self.description

        instructions: None | str
        instructions = self.instructions

        type_: None | str
        type_ = self.type_

        status: None | str
        if isinstance(self.status, WorkOrderStatusType1):
            status = self.status.value
        else:
            status = self.status

        status_key: None | str
        status_key = self.status_key

        severity: None | str
        severity = self.severity

        asset_key: None | str
        asset_key = self.asset_key

        location_key: None | str
        location_key = self.location_key

        site_key: None | str
        site_key = self.site_key

        organization_key: None | str
        organization_key = self.organization_key

        account_key: None | str
        account_key = self.account_key

        service_request_key: None | str
        service_request_key = self.service_request_key

        pm_key: None | str
        pm_key = self.pm_key

        team_key: None | str
        team_key = self.team_key

        labor_assigned_key: None | str
        labor_assigned_key = self.labor_assigned_key

        user_approved_key: None | str
        user_approved_key = self.user_approved_key

        storeroom_key: None | str
        storeroom_key = self.storeroom_key

        category_name: None | str
        category_name = self.category_name

        estimated_time: None | str
        estimated_time = self.estimated_time

        actual_time: None | str
        actual_time = self.actual_time

        scheduled_at: None | str
        if isinstance(self.scheduled_at, datetime.datetime):
            scheduled_at = self.scheduled_at.isoformat()
        else:
            scheduled_at = self.scheduled_at

        due_at: None | str
        if isinstance(self.due_at, datetime.datetime):
            due_at = self.due_at.isoformat()
        else:
            due_at = self.due_at

        approved_at: None | str
        if isinstance(self.approved_at, datetime.datetime):
            approved_at = self.approved_at.isoformat()
        else:
            approved_at = self.approved_at

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        completed_at: None | str
        if isinstance(self.completed_at, datetime.datetime):
            completed_at = self.completed_at.isoformat()
        else:
            completed_at = self.completed_at

        completion_remarks: None | str
        completion_remarks = self.completion_remarks

        notes: None | str
        notes = self.notes

        tasks = []
        for tasks_item_data in self.tasks:
            tasks_item = tasks_item_data.to_dict()
            tasks.append(tasks_item)

        materials = []
        for materials_item_data in self.materials:
            materials_item = materials_item_data.to_dict()
            materials.append(materials_item)

        resources = []
        for resources_item_data in self.resources:
            resources_item = resources_item_data.to_dict()
            resources.append(resources_item)

        custom_fields = self.custom_fields.to_dict()

        source_key: None | str
        source_key = self.source_key

        content_hash: None | str
        content_hash = self.content_hash

        created_at: None | str
        if isinstance(self.created_at, datetime.datetime):
            created_at = self.created_at.isoformat()
        else:
            created_at = self.created_at

        updated_at: None | str
        if isinstance(self.updated_at, datetime.datetime):
            updated_at = self.updated_at.isoformat()
        else:
            updated_at = self.updated_at

        deleted_at: None | str
        if isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        connection = self.connection

        system: None | str
        system = self.system

        sync_run: None | str
        sync_run = self.sync_run

        read_at: None | str
        if isinstance(self.read_at, datetime.datetime):
            read_at = self.read_at.isoformat()
        else:
            read_at = self.read_at

        raw: dict[str, Any] | None | Unset
        if isinstance(self.raw, Unset):
            raw = UNSET
        elif isinstance(self.raw, WorkOrderRawType0):
            raw = self.raw.to_dict()
        else:
            raw = self.raw

        received_at: None | str | Unset
        if isinstance(self.received_at, Unset):
            received_at = UNSET
        elif isinstance(self.received_at, datetime.datetime):
            received_at = self.received_at.isoformat()
        else:
            received_at = self.received_at

        deleted = self.deleted

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "key": key,
                "code": code,
                "parentKey": parent_key,
                "title": title,
                "description": description,
                "instructions": instructions,
                "type": type_,
                "status": status,
                "statusKey": status_key,
                "severity": severity,
                "assetKey": asset_key,
                "locationKey": location_key,
                "siteKey": site_key,
                "organizationKey": organization_key,
                "accountKey": account_key,
                "serviceRequestKey": service_request_key,
                "pmKey": pm_key,
                "teamKey": team_key,
                "laborAssignedKey": labor_assigned_key,
                "userApprovedKey": user_approved_key,
                "storeroomKey": storeroom_key,
                "categoryName": category_name,
                "estimatedTime": estimated_time,
                "actualTime": actual_time,
                "scheduledAt": scheduled_at,
                "dueAt": due_at,
                "approvedAt": approved_at,
                "startedAt": started_at,
                "completedAt": completed_at,
                "completionRemarks": completion_remarks,
                "notes": notes,
                "tasks": tasks,
                "materials": materials,
                "resources": resources,
                "customFields": custom_fields,
                "sourceKey": source_key,
                "contentHash": content_hash,
                "createdAt": created_at,
                "updatedAt": updated_at,
                "deletedAt": deleted_at,
                "connection": connection,
                "system": system,
                "syncRun": sync_run,
                "readAt": read_at,
            }
        )
        if raw is not UNSET:
            field_dict["raw"] = raw
        if received_at is not UNSET:
            field_dict["receivedAt"] = received_at
        if deleted is not UNSET:
            field_dict["deleted"] = deleted

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.work_order_custom_fields import WorkOrderCustomFields  # noqa: PLC0415
        from ..models.work_order_materials_item import WorkOrderMaterialsItem  # noqa: PLC0415
        from ..models.work_order_raw_type_0 import WorkOrderRawType0  # noqa: PLC0415
        from ..models.work_order_resources_item import WorkOrderResourcesItem  # noqa: PLC0415
        from ..models.work_order_tasks_item import WorkOrderTasksItem  # noqa: PLC0415

        d = dict(src_dict)
        key = d.pop("key")

        def _parse_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        code = _parse_code(d.pop("code"))

        def _parse_parent_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        parent_key = _parse_parent_key(d.pop("parentKey"))

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

        def _parse_instructions(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        instructions = _parse_instructions(d.pop("instructions"))

        def _parse_type_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        type_ = _parse_type_(d.pop("type"))

        def _parse_status(data: object) -> None | WorkOrderStatusType1:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_1 = WorkOrderStatusType1(data)

                return status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | WorkOrderStatusType1, data)

        status = _parse_status(d.pop("status"))

        def _parse_status_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        status_key = _parse_status_key(d.pop("statusKey"))

        def _parse_severity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        severity = _parse_severity(d.pop("severity"))

        def _parse_asset_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        asset_key = _parse_asset_key(d.pop("assetKey"))

        def _parse_location_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        location_key = _parse_location_key(d.pop("locationKey"))

        def _parse_site_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        site_key = _parse_site_key(d.pop("siteKey"))

        def _parse_organization_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        organization_key = _parse_organization_key(d.pop("organizationKey"))

        def _parse_account_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        account_key = _parse_account_key(d.pop("accountKey"))

        def _parse_service_request_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        service_request_key = _parse_service_request_key(d.pop("serviceRequestKey"))

        def _parse_pm_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        pm_key = _parse_pm_key(d.pop("pmKey"))

        def _parse_team_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        team_key = _parse_team_key(d.pop("teamKey"))

        def _parse_labor_assigned_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        labor_assigned_key = _parse_labor_assigned_key(d.pop("laborAssignedKey"))

        def _parse_user_approved_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_approved_key = _parse_user_approved_key(d.pop("userApprovedKey"))

        def _parse_storeroom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey"))

        def _parse_category_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        category_name = _parse_category_name(d.pop("categoryName"))

        def _parse_estimated_time(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        estimated_time = _parse_estimated_time(d.pop("estimatedTime"))

        def _parse_actual_time(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        actual_time = _parse_actual_time(d.pop("actualTime"))

        def _parse_scheduled_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                scheduled_at_type_0 = datetime.datetime.fromisoformat(data)

                return scheduled_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        scheduled_at = _parse_scheduled_at(d.pop("scheduledAt"))

        def _parse_due_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                due_at_type_0 = datetime.datetime.fromisoformat(data)

                return due_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        due_at = _parse_due_at(d.pop("dueAt"))

        def _parse_approved_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                approved_at_type_0 = datetime.datetime.fromisoformat(data)

                return approved_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        approved_at = _parse_approved_at(d.pop("approvedAt"))

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

        def _parse_completed_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                completed_at_type_0 = datetime.datetime.fromisoformat(data)

                return completed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        completed_at = _parse_completed_at(d.pop("completedAt"))

        def _parse_completion_remarks(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        completion_remarks = _parse_completion_remarks(d.pop("completionRemarks"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        tasks = []
        _tasks = d.pop("tasks")
        for tasks_item_data in _tasks:
            tasks_item = WorkOrderTasksItem.from_dict(tasks_item_data)

            tasks.append(tasks_item)

        materials = []
        _materials = d.pop("materials")
        for materials_item_data in _materials:
            materials_item = WorkOrderMaterialsItem.from_dict(materials_item_data)

            materials.append(materials_item)

        resources = []
        _resources = d.pop("resources")
        for resources_item_data in _resources:
            resources_item = WorkOrderResourcesItem.from_dict(resources_item_data)

            resources.append(resources_item)

        custom_fields = WorkOrderCustomFields.from_dict(d.pop("customFields"))

        def _parse_source_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        source_key = _parse_source_key(d.pop("sourceKey"))

        def _parse_content_hash(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        content_hash = _parse_content_hash(d.pop("contentHash"))

        def _parse_created_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = datetime.datetime.fromisoformat(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        created_at = _parse_created_at(d.pop("createdAt"))

        def _parse_updated_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                updated_at_type_0 = datetime.datetime.fromisoformat(data)

                return updated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        updated_at = _parse_updated_at(d.pop("updatedAt"))

        def _parse_deleted_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        deleted_at = _parse_deleted_at(d.pop("deletedAt"))

        connection = d.pop("connection")

        def _parse_system(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        system = _parse_system(d.pop("system"))

        def _parse_sync_run(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        sync_run = _parse_sync_run(d.pop("syncRun"))

        def _parse_read_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                read_at_type_0 = datetime.datetime.fromisoformat(data)

                return read_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        read_at = _parse_read_at(d.pop("readAt"))

        def _parse_raw(data: object) -> None | Unset | WorkOrderRawType0:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                raw_type_0 = WorkOrderRawType0.from_dict(data)

                return raw_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | WorkOrderRawType0, data)

        raw = _parse_raw(d.pop("raw", UNSET))

        def _parse_received_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                received_at_type_0 = datetime.datetime.fromisoformat(data)

                return received_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        received_at = _parse_received_at(d.pop("receivedAt", UNSET))

        deleted = d.pop("deleted", UNSET)

        work_order = cls(
            key=key,
            code=code,
            parent_key=parent_key,
            title=title,
            description=description,
            instructions=instructions,
            type_=type_,
            status=status,
            status_key=status_key,
            severity=severity,
            asset_key=asset_key,
            location_key=location_key,
            site_key=site_key,
            organization_key=organization_key,
            account_key=account_key,
            service_request_key=service_request_key,
            pm_key=pm_key,
            team_key=team_key,
            labor_assigned_key=labor_assigned_key,
            user_approved_key=user_approved_key,
            storeroom_key=storeroom_key,
            category_name=category_name,
            estimated_time=estimated_time,
            actual_time=actual_time,
            scheduled_at=scheduled_at,
            due_at=due_at,
            approved_at=approved_at,
            started_at=started_at,
            completed_at=completed_at,
            completion_remarks=completion_remarks,
            notes=notes,
            tasks=tasks,
            materials=materials,
            resources=resources,
            custom_fields=custom_fields,
            source_key=source_key,
            content_hash=content_hash,
            created_at=created_at,
            updated_at=updated_at,
            deleted_at=deleted_at,
            connection=connection,
            system=system,
            sync_run=sync_run,
            read_at=read_at,
            raw=raw,
            received_at=received_at,
            deleted=deleted,
        )

        return work_order
