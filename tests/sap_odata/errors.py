"""Refusals in the words and shapes of SAP Gateway."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Detail:
    code: str
    text: str
    severity: str = "error"
    target: str = ""


class Refused(Exception):
    """An answer other than success. `details`: what BAPIs said, message by message."""

    def __init__(self, status: int, code: str, text: str, *details: Detail, **headers: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text
        self.details = details
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def body(self, version: int) -> bytes:
        if version == 4:
            found: dict[str, object] = {"code": self.code, "message": self.text}
            if self.details:
                found["details"] = [
                    {
                        "code": each.code,
                        "message": each.text,
                        "target": each.target,
                        "@SAP__common.numericSeverity": 4,
                    }
                    for each in self.details
                ]
            return json.dumps({"error": found}).encode()
        inner = {
            "application": {
                "component_id": "",
                "service_namespace": "/SAP/",
                "service_id": "",
                "service_version": "0001",
            },
            "transactionid": "5F3A0A0E1B2C4D00E0063A1B2C3D4E5F",
            "timestamp": "20260105120000.0000000",
            "Error_Resolution": {
                "SAP_Transaction": "",
                "SAP_Note": "See SAP Note 1797736 for error analysis",
            },
            "errordetails": [
                {
                    "ContentID": "",
                    "code": each.code,
                    "message": each.text,
                    "propertyref": "",
                    "severity": each.severity,
                    "transition": False,
                    "target": each.target,
                }
                for each in self.details
            ],
        }
        return json.dumps(
            {"error": {"code": self.code, "message": {"lang": "en", "value": self.text}, "innererror": inner}}
        ).encode()


def not_found(set_name: str) -> Refused:
    return Refused(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{set_name}'")


def bad_request(text: str, code: str = "/IWFND/CM_MGW/001") -> Refused:
    return Refused(400, code, text)


def business(code: str, text: str, target: str = "") -> Refused:
    """A document that the application refuses: the message's class and number as SAP prints them."""
    return Refused(400, code, text, Detail(code, text, "error", target))


def forbidden(text: str) -> Refused:
    return Refused(403, "/IWBEP/CM_MGW_RT/021", text)
