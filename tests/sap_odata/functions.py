"""Function imports: what sets the status of maintenance orders, equipment and functional locations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.sap_odata.company import FOREVER, PHASES, Company
from tests.sap_odata.errors import Refused, business
from tests.sap_odata.rules import not_open_elsewhere
from tests.sap_odata.tables import Record

Parameters = Mapping[str, Any]
Function = Callable[[Company, Parameters], None]


def _to(status: str, *from_: str) -> Function:
    def work(company: Company, parameters: Parameters) -> None:
        order = _work_order(company, parameters)
        now, *rest = order["SystemStatusText"].split()
        if now not in from_:
            number = order["MaintenanceOrder"]
            raise business("BS/007", f"Order {number}: status {now} does not allow {status} (ORD {number})")
        order["SystemStatusText"] = " ".join([status, *rest])
        order["MaintOrdProcessPhaseCode"] = PHASES[status]
        _stamped(company, order)

    return work


def _flag(word: str, *, on: bool) -> Function:
    """A status that stands beside the others, such as LKD."""

    def work(company: Company, parameters: Parameters) -> None:
        order = _work_order(company, parameters)
        words = [each for each in order["SystemStatusText"].split() if each != word]
        order["SystemStatusText"] = " ".join([*words, word] if on else words)
        _stamped(company, order)

    return work


def _asset(type_: str, names: tuple[str, ...], **values: bool) -> Function:
    def work(company: Company, parameters: Parameters) -> None:
        key = (parameters[names[0]], *((FOREVER,) if len(names) > 1 else ()))
        record = company[type_].get(key)
        if record is None:
            raise Refused(404, "/IWBEP/CM_MGW_RT/020", f"{names[0]} {key[0]} does not exist")
        not_open_elsewhere(company, "equipment", str(key[0]))
        record.update(values)
        _stamped(company, record)

    return work


def _work_order(company: Company, parameters: Parameters) -> Record:
    number = parameters["MaintenanceOrder"]
    order = company["MaintenanceOrderType"].get((number,))
    if order is None:
        raise business("IW/000", f"Order {number} does not exist", "MaintenanceOrder")
    not_open_elsewhere(company, "maintenance_order", number)
    return order


def _stamped(company: Company, record: Record) -> None:
    record["LastChangeDateTime"] = company.stamp().replace(microsecond=0)
    company[record.type.name].touched()


_EQUIPMENT = ("Equipment", "ValidityEndDate")
_LOCATION = ("FunctionalLocation",)
FUNCTIONS: dict[str, Function] = {
    "ReleaseMaintenanceOrder": _to("REL", "CRTD"),
    "SetMaintOrdToTechCompleted": _to("TECO", "REL"),
    "ResetMaintOrdStsTechCompleted": _to("REL", "TECO"),
    "SetMaintOrderStatusToClosed": _to("CLSD", "TECO"),
    "ResetMaintOrderStatusClosed": _to("TECO", "CLSD"),
    "SetMaintOrderStatusToLocked": _flag("LKD", on=True),
    "SetMaintOrderStatusToUnlocked": _flag("LKD", on=False),
    "SetMaintOrdStsToMrkdForDeltn": _flag("DLFL", on=True),
    "ResetMaintOrdStsMrkdForDeltn": _flag("DLFL", on=False),
    "SetEquipmentToInactive": _asset("EquipmentType", _EQUIPMENT, EquipmentIsInactive=True),
    "ResetEquipmentFromInactive": _asset("EquipmentType", _EQUIPMENT, EquipmentIsInactive=False),
    "SetEquipToMarkedForDeletion": _asset("EquipmentType", _EQUIPMENT, EquipmentIsMarkedForDeletion=True),
    "RsetEquipFromMarkedForDeletion": _asset("EquipmentType", _EQUIPMENT, EquipmentIsMarkedForDeletion=False),
    "SetFuncnlLocationToInactive": _asset("FunctionalLocationType", _LOCATION, FuncnlLocIsDeactivated=True),
    "RsetFuncnlLocationFromInactive": _asset(
        "FunctionalLocationType", _LOCATION, FuncnlLocIsDeactivated=False
    ),
}
