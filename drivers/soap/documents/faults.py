"""Pure: what AIF says instead of an answer, in its own words and codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from drivers.contract import (
    BadConfiguration,
    DriverError,
    Message,
    NotPermitted,
    SourceBusy,
    SourceChanged,
)
from drivers.http.messages import masked
from drivers.soap.faults import MOST_TEXT, SoapFault

_MOST_MESSAGES: Final = 20
_BLIND: Final = "See the Exception Log"
_TELL: Final = (
    'Ask the AX administrator to switch on "Include exceptions in fault" (inbound port, Troubleshooting);'
    " what happened is under System administration > Periodic > Services and AIF > Exceptions."
)
# By AIF's words, for its codes differ from one version to the next. The first that fits counts.
_WRONG = r"does not exist|do(es)? not have access|not (found|valid|accessible|authori[sz]ed)|invalid"
_COMPANY: Final = re.compile(
    rf"\b(company|legal entity)\b( account)?( '?\w{{1,4}}'?)? ({_WRONG}|is (not|invalid))"
    r"|\b(invalid|unknown|no access to( the)?|not authori[sz]ed( to access)?( for)?( the)?) (company|legal entity)\b",
    re.IGNORECASE,
)
_PARTITION: Final = re.compile(
    rf"\bpartition( key)?( '?\w{{1,8}}'?)? ({_WRONG}|is (not|invalid))|\b(invalid|unknown) partition\b",
    re.IGNORECASE,
)
_RIGHTS: Final = re.compile(
    r"not (been )?authori[sz]ed|access (is |was )?denied|insufficient (rights|permissions?)|failed to log ?on"
    r"|do(es)? not have (the |sufficient )?(rights?|permissions?|access)|\buser \S+ is not (valid|active|allowed|enabled)",
    re.IGNORECASE,
)
_BUSY: Final = re.compile(
    r"deadlock|update conflict|timed out|time-?out\b|connection .* could not be established",
    re.IGNORECASE,
)
_DUPLICATE: Final = re.compile(r"duplicate message|message has already been processed", re.IGNORECASE)
_CHANGED: Final = re.compile(
    r"document ?hash|rec ?version|has (been )?changed since|concurren|has been changed|modified by another|another user",
    re.IGNORECASE,
)
CHANGED_MEANWHILE: Final = "changed_meanwhile"


class AifRefusal(Exception):
    """AIF looked at the message and said no: nothing was changed."""

    def __init__(self, messages: tuple[Message, ...]) -> None:
        super().__init__(messages[0].text)
        self.messages = messages

    @property
    def text(self) -> str:
        return "; ".join(each.text for each in self.messages[:3])

    @property
    def duplicate(self) -> bool:
        """AIF has seen this MessageId before."""
        return any(_DUPLICATE.search(each.text) for each in self.messages)

    def as_error(self, where: str) -> DriverError:
        """Of a question, where nobody is to hear the messages one by one."""
        code = next((each.code for each in self.messages if each.code), "")
        hint = (
            _TELL
            if _BLIND in self.text
            else "Compare with the service's documentation and the port's settings in AX."
        )
        return SourceChanged(f"AX refused: {self.text}{f' ({code})' if code else ''}", where=where, hint=hint)


def translated(
    fault: SoapFault, operation: str, where: str, hidden: Iterable[str], *, changes: bool
) -> DriverError | AifRefusal:
    """A DriverError for what is wrong with the way there, an AifRefusal for what AX says of the message itself.

    `changes`: the operation was to change something. AIF's fault says that it did not, whatever the reason.
    """
    if fault.code == "ActionNotSupported":
        return BadConfiguration(
            f"the port does not take the operation {operation}: {fault.text}",
            where=where,
            hint="Ask the AX administrator to add it to the inbound port (Service operations) and to activate the port.",
        )
    detail = fault.element.find(".//{*}AifFault") if fault.element is not None else None
    if detail is None:
        # Not AIF but IIS or the service host: the AOS may be down, or at work still.
        return _lasting(fault.text, where) or SourceBusy(
            f"the service host answered with a fault: {fault.code}: {fault.text}",
            where=where,
            hint="See that the AOS runs and that the port is activated; the event log of the IIS machine says more.",
        )
    messages = tuple(_messages(detail, tuple(hidden)))[:_MOST_MESSAGES] or (Message(fault.text, "refused"),)
    text = " ".join(each.text for each in messages)
    lasting = _lasting(text, where)
    if lasting is not None:
        return lasting
    if _BUSY.search(text) and changes:
        return AifRefusal((replace(messages[0], code="busy"), *messages[1:]))
    if _BUSY.search(text):
        return SourceBusy(f"AX says: {text[:MOST_TEXT]}", where=where, hint="It is tried again by itself.")
    return AifRefusal(messages)


def _lasting(text: str, where: str) -> DriverError | None:
    """What is wrong with the connection, and not with this message."""
    if _DUPLICATE.search(text) or _CHANGED.search(text):
        return None
    said = f"AX says: {text[:MOST_TEXT]}"
    if _PARTITION.search(text):
        return BadConfiguration(
            said,
            where="options.partition",
            hint="Correct the partition key (System administration > Setup > Partitions).",
        )
    if _COMPANY.search(text):
        return BadConfiguration(
            said,
            where="options.company",
            hint="Correct the company, or let the administrator give the account access to it and take it off the port's"
            " restrictions.",
        )
    if _RIGHTS.search(text):
        return NotPermitted(
            said,
            where=where,
            hint="Let the AX administrator give the account a role with the service operation, and see the port's"
            " authorised users.",
        )
    return None


def _messages(detail: Any, hidden: tuple[str, ...]) -> Iterator[Message]:
    """AIF's own messages; then those of the infolog, which the port may leave out."""
    seen: set[str] = set()
    for held in detail.iter("{*}FaultMessageList"):
        place = (held.findtext("{*}Field") or held.findtext("{*}XPath") or "").strip()
        for each in held.iter("{*}FaultMessage"):
            text = _clean(each.findtext("{*}Message"), hidden)
            if text and text not in seen:
                seen.add(text)
                yield Message(text, _coded(text, (each.findtext("{*}Code") or "").strip()), place)
    for each in detail.iter("{*}InfologMessage"):
        text = _clean(each.findtext("{*}Message"), hidden)
        if text and text not in seen and each.findtext("{*}InfologMessageType") != "Info":
            seen.add(text)
            yield Message(text, _coded(text, "infolog"))


def _coded(text: str, code: str) -> str:
    return CHANGED_MEANWHILE if _CHANGED.search(text) else code or "refused"


def _clean(text: str | None, hidden: tuple[str, ...]) -> str:
    return masked(" ".join((text or "").split()), hidden)[:MOST_TEXT]
