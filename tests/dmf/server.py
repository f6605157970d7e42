"""Finance & Operations over its package API, as Microsoft's page "Data management package REST API" tells of it.

Executions end after they were looked at a few times; exports come in no order; packages lie in a file storage on a
host of its own, behind a right in the address, which refuses whoever sends a token. The records are those of
`tests/dynamics_odata`.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from tests.dmf.packages import Export, Unimportable, exported, imported
from tests.dynamics_odata.finops import FinanceAndOperations
from tests.dynamics_odata.model import Refused, Row
from tests.dynamics_odata.queries import json_response
from tests.dynamics_odata.usmf import SETS, Books
from tests.sap_odata.web import HttpServer, Request, Response

ROOT = "/namespaces/AXSF/data"
ACTIONS = f"{ROOT}/DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
LABELS = {
    "Purchase order headers V2": "PurchaseOrderHeadersV2",
    "Purchase order lines V2": "PurchaseOrderLinesV2",
    "Vendors V2": "VendorsV2",
    "Released products V2": "ReleasedProductsV2",
    "Production orders": "ProductionOrderHeaders",
    "Fixed assets V2": "FixedAssetsV2",
}
PROJECTS = {
    "Groundwire purchase orders": ("Purchase order headers V2", "Purchase order lines V2"),
    "Groundwire vendors": ("Vendors V2",),
    "Groundwire items": ("Released products V2",),
    "Groundwire production orders": ("Production orders",),
    "Groundwire fixed assets": ("Fixed assets V2",),
}


@dataclass
class Execution:
    kind: str
    project: str
    company: str
    looks: int
    url_looks: int
    status: str = "Executing"
    file: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)


class Storage(HttpServer):
    """Files behind a right in their address."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.signature = secrets.token_hex(8)

    def address(self, name: str) -> str:
        return f"{self.url}/dmf/{name}?sv=2014-02-14&sig={self.signature}"

    def answer(self, request: Request) -> Response:
        name = unquote(request.path.rpartition("/")[2])
        if "authorization" in request.headers or request.query.get("sig") != self.signature:
            return Response(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
        if request.method == "PUT":
            if request.headers.get("x-ms-blob-type") != "BlockBlob":
                return Response(400)
            self.files[name] = request.body
            return Response(201)
        return Response(200, self.files[name]) if name in self.files else Response(404)


class DataManagement(FinanceAndOperations):
    def __init__(self, books: Books | None = None) -> None:
        super().__init__(books)
        self.storage = Storage()
        self.form = "XML-Element"
        self.looks = 1  # until an execution has ended
        self.url_looks = 1  # until its package has an address
        self.projects: dict[str, tuple[str, ...]] = dict(PROJECTS)
        self.imports: dict[str, tuple[str, ...]] = {}
        self.refresh = "FullPush"
        self.executions: dict[str, Execution] = {}
        self.errors_text: str | None = None  # instead of a list that a JSON parser takes
        self.ends_as: dict[str, str] = {}  # by kind of execution, whatever became of it
        self.hidden: set[str] = set()  # entity sets that the user may not see
        self.fields_missing: set[str] = set()
        self.edit: Callable[[bytes], bytes] = lambda package: package

    def start(self, *args: Any) -> str:
        self.storage.start()
        return super().start(*args)

    def stop(self) -> None:
        super().stop()
        self.storage.stop()

    def _answered(self, request: Request) -> Response:
        if not request.path.startswith(ROOT):
            raise Refused(404, "", "No HTTP resource was found")
        if request.path.startswith(ACTIONS):
            return self._action(request.path.removeprefix(ACTIONS), json.loads(request.body))
        return self._set(unquote(request.path.removeprefix(f"{ROOT}/")), request)

    # --- entity sets about data management

    def _set(self, place: str, request: Request) -> Response:
        name, _, key = place.partition("(")
        if name in self.hidden:
            raise Refused(403, "", f"User is not authorized to access {name}")
        wanted = key.rstrip(")").strip("'").replace("''", "'")
        if name == "LegalEntities":
            if wanted.lower() not in {"usmf", "dat"}:
                raise Refused(404, "", "No resources were found when selecting for LegalEntity.")
            return json_response({"LegalEntityId": wanted, "Name": f"Contoso {wanted}"})
        projects = {**dict.fromkeys(self.projects, "Export"), **dict.fromkeys(self.imports, "Import")}
        if name == "DataManagementDefinitionGroups":
            if not wanted:
                return json_response(
                    {"value": [{"Name": each, "OperationType": kind} for each, kind in projects.items()]}
                )
            if wanted not in projects:
                raise Refused(
                    404, "", "No resources were found when selecting for DataManagementDefinitionGroup."
                )
            return json_response({"Name": wanted, "OperationType": projects[wanted]})
        if name == "DataManagementDefinitionGroupDetails":
            chosen = request.query.get("$filter", "").partition(" eq ")[2].strip("'").replace("''", "'")
            rows = [
                {
                    "DefinitionGroupId": project,
                    "EntityName": each,
                    "DefaultRefreshType": self.refresh,
                    "Disable": "No",
                }
                for project, entities in self.projects.items()
                for each in entities
                if not chosen or project == chosen
            ]
            return json_response({"value": rows})
        raise Refused(404, "", "No HTTP resource was found")

    # --- actions

    def _action(self, name: str, body: Mapping[str, Any]) -> Response:
        actions: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "ExportToPackage": self._export,
            "GetExecutionSummaryStatus": self._status,
            "GetExportedPackageUrl": self._package_url,
            "GetExecutionErrors": self._errors,
            "GetAzureWriteUrl": self._write_url,
            "ImportFromPackage": self._import,
        }
        if name not in actions:
            raise Refused(404, "", "No HTTP resource was found")
        return json_response(
            {"@odata.context": f"{self.url}{ROOT}/$metadata#Edm.String", "value": actions[name](body)}
        )

    def _company(self, name: str) -> str:
        if name.lower() not in {"usmf", "dat"}:
            raise Refused(400, "", f"Legal entity {name} does not exist.")
        return name.lower()

    def _export(self, body: Mapping[str, Any]) -> Any:
        project = str(body["definitionGroupId"])
        if project not in self.projects:
            raise Refused(400, "", f"Data project {project} does not exist.")
        execution = body["executionId"] or secrets.token_hex(8)
        self.executions[execution] = Execution(
            "export", project, self._company(body["legalEntityId"]), self.looks, self.url_looks
        )
        return {"value": execution}

    def _known(self, body: Mapping[str, Any]) -> Execution:
        found = self.executions.get(body["executionId"])
        if found is None:
            raise Refused(
                400, "", f"Execution details were not found for execution id: {body['executionId']}"
            )
        return found

    def _status(self, body: Mapping[str, Any]) -> str:
        execution = self._known(body)
        if execution.status == "Executing":
            execution.looks -= 1
            if execution.looks < 0:
                execution.status = self._performed(execution)
                execution.status = self.ends_as.get(execution.kind, execution.status)
        return execution.status

    def _package_url(self, body: Mapping[str, Any]) -> Any:
        execution = self._known(body)
        execution.url_looks -= 1
        return {"value": self.storage.address(execution.file) if execution.url_looks < 0 else ""}

    def _errors(self, body: Mapping[str, Any]) -> str:
        execution = self._known(body)
        return self.errors_text if self.errors_text is not None else json.dumps(execution.errors)

    def _write_url(self, body: Mapping[str, Any]) -> str:
        return json.dumps({"BlobId": "{1F2A}", "BlobUrl": self.storage.address(body["uniqueFileName"])})

    def _import(self, body: Mapping[str, Any]) -> str:
        if any(each.kind == "import" and each.status == "Executing" for each in self.executions.values()):
            raise Refused(400, "", "An import is under way.")
        project = str(body["definitionGroupId"])
        if project in self.imports and not body["overwrite"]:
            raise Refused(
                400, "", f"The data project '{project}' exists and overwrite has not been specified."
            )
        name = unquote(str(body["packageUrl"]).partition("?")[0].rpartition("/")[2])
        try:
            parts = imported(self.storage.files[name], LABELS)
        except Unimportable as error:
            raise Refused(400, "", str(error)) from error
        self.imports[project] = tuple(entity for entity, _ in parts)
        execution = str(body["executionId"])
        company = self._company(body["legalEntityId"])
        self.executions[execution] = Execution(
            "import", project, company, self.looks, self.url_looks, file=name
        )
        return execution

    # --- what becomes of them

    def _performed(self, execution: Execution) -> str:
        if execution.kind == "import":
            return self._taken(execution)
        parts = []
        for entity in self.projects[execution.project]:
            kind = SETS[LABELS[entity]]
            fields = [name.upper() for name in kind.properties if name != "dataAreaId"]
            kept = [name for name in fields if name not in self.fields_missing]
            rows = [
                {name.upper(): _printed(row[name]) for name in kind.properties if name.upper() in kept}
                for row in self.books.tables[kind.set_name].values()
                if row["dataAreaId"] == execution.company
            ]
            random.Random(len(rows)).shuffle(rows)
            parts.append(Export(entity, kept, rows, self.refresh))
        execution.file = f"{secrets.token_hex(8)}.zip"
        self.storage.files[execution.file] = self.edit(exported(execution.project, parts, self.form))
        return "Succeeded"

    def _taken(self, execution: Execution) -> str:
        done = failed = 0
        for entity, records in imported(self.storage.files[execution.file], LABELS):
            for record in records:
                try:
                    self._upserted(LABELS[entity], record, execution.company)
                    done += 1
                except Refused as error:
                    failed += 1
                    execution.errors.append(
                        {
                            "RecordId": next(iter(record.values())),
                            "Field": error.code,
                            "ErrorMessage": error.text,
                        }
                    )
        return "Succeeded" if not failed else "PartiallySucceeded" if done else "Failed"

    def _upserted(self, set_name: str, record: Mapping[str, str], company: str) -> None:
        kind = SETS[set_name]
        by_capitals = {name.upper(): name for name in kind.properties}
        given: Row = {"dataAreaId": company}
        for name, text in record.items():
            given[by_capitals[name]] = _read(kind.properties[by_capitals[name]].type, text)
        key = kind.key_of(given)
        if set_name == "PurchaseOrderHeadersV2":
            self._check_order(given, company)
        if set_name == "PurchaseOrderLinesV2":
            self._line(given)  # the same rules as over OData
        there = self.books.tables[set_name].get(key)
        if there is not None:
            if there.get("PurchaseOrderStatus", "") in {"Invoiced", "Canceled"}:
                raise Refused(400, "", "The purchase order is closed and cannot be changed.")
            there.update(given)
            self.books.touch(set_name, there)
            return
        if set_name == "PurchaseOrderHeadersV2":
            given |= {"PurchaseOrderStatus": "Backorder", "DocumentApprovalStatus": "Draft"}
        row = self.books.add(set_name, **(self._line(given) if set_name == "PurchaseOrderLinesV2" else given))
        if set_name == "PurchaseOrderLinesV2":
            row["PurchasePriceQuantity"] = row["PurchasePriceQuantity"] or Decimal(1)

    def _check_order(self, given: Row, company: str) -> None:
        account = given.get("OrderVendorAccountNumber")
        vendor = self.books.tables["VendorsV2"].get((company, account))
        if account is not None and (vendor is None or vendor["OnHoldStatus"] == "All"):
            raise Refused(
                400, "ORDERVENDORACCOUNTNUMBER", f"Vendor account {account} is on hold or does not exist."
            )


def _printed(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d 00:00:00")
    return "" if value is None else str(value)


def _read(type_: str, text: str) -> Any:
    if type_ == "Edm.DateTimeOffset":
        return datetime.fromisoformat(f"{text}T12:00:00+00:00" if len(text) == 10 else text)
    if type_ == "Edm.Decimal":
        return Decimal(text)
    return int(text) if type_ in {"Edm.Int32", "Edm.Int64"} else text
