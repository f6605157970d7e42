"""Pure: what NAV's faults mean.

Their codes are the names of NAV's exceptions (`a:Microsoft.Dynamics.Nav.Types.Exceptions.NavCSideRecordNotFound-
Exception`), their texts are in the language of the service. So the codes decide, and texts only where a code says
nothing. The codes are from public clients and issues; no list of them was found.
"""

from __future__ import annotations

from typing import Final

from drivers.contract import (
    BadConfiguration,
    DriverError,
    NotPermitted,
    RecordFault,
    SourceBusy,
    SourceChanged,
)
from drivers.soap.faults import SoapFault

_Meaning = tuple[tuple[str, ...], type[DriverError], str]
# Of the account, the company, the service, or others at work: whatever was asked for in the call.
_OF_THE_PLACE: Final[tuple[_Meaning, ...]] = (
    (
        ("permission", "accessdenied", "unauthorized"),
        NotPermitted,
        "Give the account the permission sets for the page and the tables behind it.",
    ),
    (
        ("locktimeout", "tablelocked", "deadlock", "lockedbyanother"),
        SourceBusy,
        "It is tried again by itself. If it lasts, sync at another hour.",
    ),
    (
        ("companynotfound", "invalidcompany", "companydoesnotexist"),
        BadConfiguration,
        "Correct options.company; `groundwire check` lists the companies.",
    ),
    (
        ("servicenotfound", "webservicenotfound"),
        SourceChanged,
        "Publish the page as a SOAP web service (Web Services page), or correct its name.",
    ),
)
_OF_THE_CALL: Final[tuple[_Meaning, ...]] = (
    (
        ("filter", "evaluate", "fieldnotfound", "notfoundinpage", "stringlength"),
        SourceChanged,
        "Compare the filter with the fields that `groundwire discover` lists; dates are written as options.date_format.",
    ),
    (("recordnotfound", "duplicatekey", "recordalreadyexists", "testfield", "nclerror"), RecordFault, ""),
)
_CHANGED: Final = ("recordchanged", "optimisticconcurrency", "rowmodified")
_NOT_FOUND: Final = ("recordnotfound",)
_CHANGED_TEXTS: Final = ("other user has modified", "another user has modified", "modified by another user")


def translated(fault: SoapFault, *, where: str) -> DriverError:
    """The error of a call that only reads; what says nothing of itself may be gone at the next try."""
    kind, hint = _meaning(fault)
    return kind(f"{fault.text} [{short_code(fault)}]", where=where, hint=hint)


def kind_of(fault: SoapFault) -> type[DriverError]:
    return _meaning(fault)[0]


def is_of_the_place(fault: SoapFault) -> bool:
    """Whether any other call would be refused now as well: of the account, the company, the service, or a lock."""
    return any(_names(fault, words) for words, _, _ in _OF_THE_PLACE) or _is_of_a_company(fault)


def says_changed(fault: SoapFault) -> bool:
    """Whether somebody else wrote the record since its Key was read."""
    return _names(fault, _CHANGED) or any(text in fault.text.lower() for text in _CHANGED_TEXTS)


def says_not_found(fault: SoapFault) -> bool:
    return _names(fault, _NOT_FOUND)


def short_code(fault: SoapFault) -> str:
    return fault.code.rpartition(".")[2] or "fault"


def _meaning(fault: SoapFault) -> tuple[type[DriverError], str]:
    for words, kind, hint in (*_OF_THE_PLACE, *_OF_THE_CALL):
        if _names(fault, words):
            return kind, hint or "Correct the record in the system."
    if _is_of_a_company(fault):
        return BadConfiguration, "Correct options.company; `groundwire check` lists the companies."
    return SourceBusy, "The words are the system's own. It is tried again by itself."


def _is_of_a_company(fault: SoapFault) -> bool:
    return "company" in fault.text.lower() and "exist" in fault.text.lower()


def _names(fault: SoapFault, words: tuple[str, ...]) -> bool:
    code = short_code(fault).lower()
    return any(word in code for word in words)
