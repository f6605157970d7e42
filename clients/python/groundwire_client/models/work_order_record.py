from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.work_order_record_status_type_1 import WorkOrderRecordStatusType1
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.work_order_record_materials_item import WorkOrderRecordMaterialsItem
    from ..models.work_order_record_resources_item import WorkOrderRecordResourcesItem
    from ..models.work_order_record_tasks_item import WorkOrderRecordTasksItem


T = TypeVar("T", bound="WorkOrderRecord")


@_attrs_define
class WorkOrderRecord:
    """
    Attributes:
        code (str | Unset):
        parent_key (None | str | Unset):
        title (None | str | Unset):
        description (None | str | Unset):
        instructions (None | str | Unset):
        type_ (None | str | Unset):
        status (None | Unset | WorkOrderRecordStatusType1):
        status_key (None | str | Unset):
        severity (None | str | Unset):
        asset_key (None | str | Unset):
        location_key (None | str | Unset):
        site_key (None | str | Unset):
        organization_key (None | str | Unset):
        account_key (None | str | Unset):
        service_request_key (None | str | Unset):
        pm_key (None | str | Unset):
        team_key (None | str | Unset):
        labor_assigned_key (None | str | Unset):
        user_approved_key (None | str | Unset):
        storeroom_key (None | str | Unset):
        category_name (None | str | Unset):
        estimated_time (None | str | Unset):
        actual_time (None | str | Unset):
        scheduled_at (datetime.datetime | None | Unset):
        due_at (datetime.datetime | None | Unset):
        approved_at (datetime.datetime | None | Unset):
        started_at (datetime.datetime | None | Unset):
        completed_at (datetime.datetime | None | Unset):
        completion_remarks (None | str | Unset):
        notes (None | str | Unset):
        tasks (list[WorkOrderRecordTasksItem] | Unset):
        materials (list[WorkOrderRecordMaterialsItem] | Unset):
        resources (list[WorkOrderRecordResourcesItem] | Unset):
        read_at (datetime.datetime | None | Unset):
    """

    code: str | Unset = UNSET
    parent_key: None | str | Unset = UNSET
    title: None | str | Unset = UNSET
    description: None | str | Unset = UNSET
    instructions: None | str | Unset = UNSET
    type_: None | str | Unset = UNSET
    status: None | Unset | WorkOrderRecordStatusType1 = UNSET
    status_key: None | str | Unset = UNSET
    severity: None | str | Unset = UNSET
    asset_key: None | str | Unset = UNSET
    location_key: None | str | Unset = UNSET
    site_key: None | str | Unset = UNSET
    organization_key: None | str | Unset = UNSET
    account_key: None | str | Unset = UNSET
    service_request_key: None | str | Unset = UNSET
    pm_key: None | str | Unset = UNSET
    team_key: None | str | Unset = UNSET
    labor_assigned_key: None | str | Unset = UNSET
    user_approved_key: None | str | Unset = UNSET
    storeroom_key: None | str | Unset = UNSET
    category_name: None | str | Unset = UNSET
    estimated_time: None | str | Unset = UNSET
    actual_time: None | str | Unset = UNSET
    scheduled_at: datetime.datetime | None | Unset = UNSET
    due_at: datetime.datetime | None | Unset = UNSET
    approved_at: datetime.datetime | None | Unset = UNSET
    started_at: datetime.datetime | None | Unset = UNSET
    completed_at: datetime.datetime | None | Unset = UNSET
    completion_remarks: None | str | Unset = UNSET
    notes: None | str | Unset = UNSET
    tasks: list[WorkOrderRecordTasksItem] | Unset = UNSET
    materials: list[WorkOrderRecordMaterialsItem] | Unset = UNSET
    resources: list[WorkOrderRecordResourcesItem] | Unset = UNSET
    read_at: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        parent_key: None | str | Unset
        if isinstance(self.parent_key, Unset):
            parent_key = UNSET
        else:
            parent_key = self.parent_key

        title: None | str | Unset
        if isinstance(self.title, Unset):
            title = UNSET
        else:
            title = self.title

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        instructions: None | str | Unset
        if isinstance(self.instructions, Unset):
            instructions = UNSET
        else:
            instructions = self.instructions

        type_: None | str | Unset
        if isinstance(self.type_, Unset):
            type_ = UNSET
        else:
            type_ = self.type_

        status: None | str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, WorkOrderRecordStatusType1):
            status = self.status.value
        else:
            status = self.status

        status_key: None | str | Unset
        if isinstance(self.status_key, Unset):
            status_key = UNSET
        else:
            status_key = self.status_key

        severity: None | str | Unset
        if isinstance(self.severity, Unset):
            severity = UNSET
        else:
            severity = self.severity

        asset_key: None | str | Unset
        if isinstance(self.asset_key, Unset):
            asset_key = UNSET
        else:
            asset_key = self.asset_key

        location_key: None | str | Unset
        if isinstance(self.location_key, Unset):
            location_key = UNSET
        else:
            location_key = self.location_key

        site_key: None | str | Unset
        if isinstance(self.site_key, Unset):
            site_key = UNSET
        else:
            site_key = self.site_key

        organization_key: None | str | Unset
        if isinstance(self.organization_key, Unset):
            organization_key = UNSET
        else:
            organization_key = self.organization_key

        account_key: None | str | Unset
        if isinstance(self.account_key, Unset):
            account_key = UNSET
        else:
            account_key = self.account_key

        service_request_key: None | str | Unset
        if isinstance(self.service_request_key, Unset):
            service_request_key = UNSET
        else:
            service_request_key = self.service_request_key

        pm_key: None | str | Unset
        if isinstance(self.pm_key, Unset):
            pm_key = UNSET
        else:
            pm_key = self.pm_key

        team_key: None | str | Unset
        if isinstance(self.team_key, Unset):
            team_key = UNSET
        else:
            team_key = self.team_key

        labor_assigned_key: None | str | Unset
        if isinstance(self.labor_assigned_key, Unset):
            labor_assigned_key = UNSET
        else:
            labor_assigned_key = self.labor_assigned_key

        user_approved_key: None | str | Unset
        if isinstance(self.user_approved_key, Unset):
            user_approved_key = UNSET
        else:
            user_approved_key = self.user_approved_key

        storeroom_key: None | str | Unset
        if isinstance(self.storeroom_key, Unset):
            storeroom_key = UNSET
        else:
            storeroom_key = self.storeroom_key

        category_name: None | str | Unset
        if isinstance(self.category_name, Unset):
            category_name = UNSET
        else:
            category_name = self.category_name

        estimated_time: None | str | Unset
        if isinstance(self.estimated_time, Unset):
            estimated_time = UNSET
        else:
            estimated_time = self.estimated_time

        actual_time: None | str | Unset
        if isinstance(self.actual_time, Unset):
            actual_time = UNSET
        else:
            actual_time = self.actual_time

        scheduled_at: None | str | Unset
        if isinstance(self.scheduled_at, Unset):
            scheduled_at = UNSET
        elif isinstance(self.scheduled_at, datetime.datetime):
            scheduled_at = self.scheduled_at.isoformat()
        else:
            scheduled_at = self.scheduled_at

        due_at: None | str | Unset
        if isinstance(self.due_at, Unset):
            due_at = UNSET
        elif isinstance(self.due_at, datetime.datetime):
            due_at = self.due_at.isoformat()
        else:
            due_at = self.due_at

        approved_at: None | str | Unset
        if isinstance(self.approved_at, Unset):
            approved_at = UNSET
        elif isinstance(self.approved_at, datetime.datetime):
            approved_at = self.approved_at.isoformat()
        else:
            approved_at = self.approved_at

        started_at: None | str | Unset
        if isinstance(self.started_at, Unset):
            started_at = UNSET
        elif isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        completed_at: None | str | Unset
        if isinstance(self.completed_at, Unset):
            completed_at = UNSET
        elif isinstance(self.completed_at, datetime.datetime):
            completed_at = self.completed_at.isoformat()
        else:
            completed_at = self.completed_at

        completion_remarks: None | str | Unset
        if isinstance(self.completion_remarks, Unset):
            completion_remarks = UNSET
        else:
            completion_remarks = self.completion_remarks

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        tasks: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.tasks, Unset):
            tasks = []
            for tasks_item_data in self.tasks:
                tasks_item = tasks_item_data.to_dict()
                tasks.append(tasks_item)

        materials: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.materials, Unset):
            materials = []
            for materials_item_data in self.materials:
                materials_item = materials_item_data.to_dict()
                materials.append(materials_item)

        resources: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.resources, Unset):
            resources = []
            for resources_item_data in self.resources:
                resources_item = resources_item_data.to_dict()
                resources.append(resources_item)

        read_at: None | str | Unset
        if isinstance(self.read_at, Unset):
            read_at = UNSET
        elif isinstance(self.read_at, datetime.datetime):
            read_at = self.read_at.isoformat()
        else:
            read_at = self.read_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if parent_key is not UNSET:
            field_dict["parentKey"] = parent_key
        if title is not UNSET:
            field_dict["title"] = title
        if description is not UNSET:
            field_dict["description"] = description
        if instructions is not UNSET:
            field_dict["instructions"] = instructions
        if type_ is not UNSET:
            field_dict["type"] = type_
        if status is not UNSET:
            field_dict["status"] = status
        if status_key is not UNSET:
            field_dict["statusKey"] = status_key
        if severity is not UNSET:
            field_dict["severity"] = severity
        if asset_key is not UNSET:
            field_dict["assetKey"] = asset_key
        if location_key is not UNSET:
            field_dict["locationKey"] = location_key
        if site_key is not UNSET:
            field_dict["siteKey"] = site_key
        if organization_key is not UNSET:
            field_dict["organizationKey"] = organization_key
        if account_key is not UNSET:
            field_dict["accountKey"] = account_key
        if service_request_key is not UNSET:
            field_dict["serviceRequestKey"] = service_request_key
        if pm_key is not UNSET:
            field_dict["pmKey"] = pm_key
        if team_key is not UNSET:
            field_dict["teamKey"] = team_key
        if labor_assigned_key is not UNSET:
            field_dict["laborAssignedKey"] = labor_assigned_key
        if user_approved_key is not UNSET:
            field_dict["userApprovedKey"] = user_approved_key
        if storeroom_key is not UNSET:
            field_dict["storeroomKey"] = storeroom_key
        if category_name is not UNSET:
            field_dict["categoryName"] = category_name
        if estimated_time is not UNSET:
            field_dict["estimatedTime"] = estimated_time
        if actual_time is not UNSET:
            field_dict["actualTime"] = actual_time
        if scheduled_at is not UNSET:
            field_dict["scheduledAt"] = scheduled_at
        if due_at is not UNSET:
            field_dict["dueAt"] = due_at
        if approved_at is not UNSET:
            field_dict["approvedAt"] = approved_at
        if started_at is not UNSET:
            field_dict["startedAt"] = started_at
        if completed_at is not UNSET:
            field_dict["completedAt"] = completed_at
        if completion_remarks is not UNSET:
            field_dict["completionRemarks"] = completion_remarks
        if notes is not UNSET:
            field_dict["notes"] = notes
        if tasks is not UNSET:
            field_dict["tasks"] = tasks
        if materials is not UNSET:
            field_dict["materials"] = materials
        if resources is not UNSET:
            field_dict["resources"] = resources
        if read_at is not UNSET:
            field_dict["readAt"] = read_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.work_order_record_materials_item import WorkOrderRecordMaterialsItem  # noqa: PLC0415
        from ..models.work_order_record_resources_item import WorkOrderRecordResourcesItem  # noqa: PLC0415
        from ..models.work_order_record_tasks_item import WorkOrderRecordTasksItem  # noqa: PLC0415

        d = dict(src_dict)
        code = d.pop("code", UNSET)

        def _parse_parent_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        parent_key = _parse_parent_key(d.pop("parentKey", UNSET))

        def _parse_title(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        title = _parse_title(d.pop("title", UNSET))

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_instructions(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        instructions = _parse_instructions(d.pop("instructions", UNSET))

        def _parse_type_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        type_ = _parse_type_(d.pop("type", UNSET))

        def _parse_status(data: object) -> None | Unset | WorkOrderRecordStatusType1:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_1 = WorkOrderRecordStatusType1(data)

                return status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | WorkOrderRecordStatusType1, data)

        status = _parse_status(d.pop("status", UNSET))

        def _parse_status_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        status_key = _parse_status_key(d.pop("statusKey", UNSET))

        def _parse_severity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        severity = _parse_severity(d.pop("severity", UNSET))

        def _parse_asset_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        asset_key = _parse_asset_key(d.pop("assetKey", UNSET))

        def _parse_location_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        location_key = _parse_location_key(d.pop("locationKey", UNSET))

        def _parse_site_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        site_key = _parse_site_key(d.pop("siteKey", UNSET))

        def _parse_organization_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        organization_key = _parse_organization_key(d.pop("organizationKey", UNSET))

        def _parse_account_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        account_key = _parse_account_key(d.pop("accountKey", UNSET))

        def _parse_service_request_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        service_request_key = _parse_service_request_key(d.pop("serviceRequestKey", UNSET))

        def _parse_pm_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        pm_key = _parse_pm_key(d.pop("pmKey", UNSET))

        def _parse_team_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        team_key = _parse_team_key(d.pop("teamKey", UNSET))

        def _parse_labor_assigned_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        labor_assigned_key = _parse_labor_assigned_key(d.pop("laborAssignedKey", UNSET))

        def _parse_user_approved_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        user_approved_key = _parse_user_approved_key(d.pop("userApprovedKey", UNSET))

        def _parse_storeroom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey", UNSET))

        def _parse_category_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        category_name = _parse_category_name(d.pop("categoryName", UNSET))

        def _parse_estimated_time(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        estimated_time = _parse_estimated_time(d.pop("estimatedTime", UNSET))

        def _parse_actual_time(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        actual_time = _parse_actual_time(d.pop("actualTime", UNSET))

        def _parse_scheduled_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                scheduled_at_type_0 = datetime.datetime.fromisoformat(data)

                return scheduled_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        scheduled_at = _parse_scheduled_at(d.pop("scheduledAt", UNSET))

        def _parse_due_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                due_at_type_0 = datetime.datetime.fromisoformat(data)

                return due_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        due_at = _parse_due_at(d.pop("dueAt", UNSET))

        def _parse_approved_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                approved_at_type_0 = datetime.datetime.fromisoformat(data)

                return approved_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        approved_at = _parse_approved_at(d.pop("approvedAt", UNSET))

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

        def _parse_completed_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                completed_at_type_0 = datetime.datetime.fromisoformat(data)

                return completed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        completed_at = _parse_completed_at(d.pop("completedAt", UNSET))

        def _parse_completion_remarks(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        completion_remarks = _parse_completion_remarks(d.pop("completionRemarks", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        _tasks = d.pop("tasks", UNSET)
        tasks: list[WorkOrderRecordTasksItem] | Unset = UNSET
        if _tasks is not UNSET:
            tasks = []
            for tasks_item_data in _tasks:
                tasks_item = WorkOrderRecordTasksItem.from_dict(tasks_item_data)

                tasks.append(tasks_item)

        _materials = d.pop("materials", UNSET)
        materials: list[WorkOrderRecordMaterialsItem] | Unset = UNSET
        if _materials is not UNSET:
            materials = []
            for materials_item_data in _materials:
                materials_item = WorkOrderRecordMaterialsItem.from_dict(materials_item_data)

                materials.append(materials_item)

        _resources = d.pop("resources", UNSET)
        resources: list[WorkOrderRecordResourcesItem] | Unset = UNSET
        if _resources is not UNSET:
            resources = []
            for resources_item_data in _resources:
                resources_item = WorkOrderRecordResourcesItem.from_dict(resources_item_data)

                resources.append(resources_item)

        def _parse_read_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                read_at_type_0 = datetime.datetime.fromisoformat(data)

                return read_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        read_at = _parse_read_at(d.pop("readAt", UNSET))

        work_order_record = cls(
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
            read_at=read_at,
        )

        work_order_record.additional_properties = d
        return work_order_record

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
