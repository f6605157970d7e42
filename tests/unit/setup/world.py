"""A person with a script, and a machine of values: set-up without a terminal, a relay or a disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import GroundwireError
from agent.findings import Finding, Level
from agent.odbc_registry import OdbcSources
from agent.secrets import Secret
from agent.setup.asking import Kind, Question, Saying, Tone, Unfit
from agent.setup.drafts import Draft
from agent.setup.machine_port import Enrolled, Found, FoundProxy, Proposed, RelayTest, RelayWay, Service
from agent.setup.needs import System, any_database, system_of
from drivers.contract import CheckStep

ENTER = ""
FOLDER = Path("/etc/groundwire")


class Silent(AssertionError):
    """Set-up asked for something that the script does not have."""


@dataclass
class Scripted:
    """Types `answers` one after another, by the keys of the questions; Enter where it has none."""

    answers: dict[str, list[str]]
    present: bool = True
    asked: list[Question] = field(default_factory=list)
    said: list[Saying] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def ask(self, question: Question) -> str:
        self.asked.append(question)
        while True:
            typed = self.answers.get(question.key) or []
            text = typed.pop(0) if typed else ENTER
            try:
                return question.answer(text)
            except Unfit as error:
                self.complaints.append(str(error))
                if not typed:
                    raise Silent(f"{question.key}: {question.text} ({error})") from error

    def tell(self, saying: Saying) -> None:
        self.said.append(saying)

    @property
    def keys(self) -> list[str]:
        return [question.key for question in self.asked]

    def texts(self, *tones: Tone) -> list[str]:
        return [f"{one.text} {one.hint}".strip() for one in self.said if not tones or one.tone in tones]

    def question(self, key: str) -> Question:
        return next(question for question in self.asked if question.key == key)

    def everything(self) -> str:
        shown = [f"{one.text} {one.hint} {one.lines} {one.rows}" for one in self.said]
        return "\n".join([*shown, *(repr(question) for question in self.asked)])


@dataclass
class FakeMachine:
    """What the world is like. `steps` are what one try of a connection after another finds."""

    found: Found = field(default_factory=lambda: Found(FOLDER, name="plant"))
    files: dict[str, str] = field(default_factory=dict)
    vault: dict[str, str] = field(default_factory=dict)
    known: list[FoundProxy] = field(default_factory=list)
    judge: Callable[[RelayWay], GroundwireError | None] = lambda _: None
    refuses_code: GroundwireError | None = None
    sources: OdbcSources = field(
        default_factory=lambda: OdbcSources(("PostgreSQL Unicode", "SQLite3"), {"erp": "FreeTDS"})
    )
    try_it: Callable[[Draft], Sequence[CheckStep]] = lambda _: [
        CheckStep("open", ok=True, detail="it answers")
    ]
    streams: Mapping[str, str] = field(
        default_factory=lambda: {"orders": "purchase_order", "vendors": "vendor"}
    )
    proposed: Proposed = field(default_factory=Proposed)
    the_service: Service = field(default_factory=lambda: Service(run="groundwire run"))
    done: list[str] = field(default_factory=list)
    tried: list[Draft] = field(default_factory=list)
    ways: list[RelayWay] = field(default_factory=list)

    async def look(self) -> Found:
        return self.found

    def proxies(self, url: str) -> Sequence[FoundProxy]:
        return self.known

    def file_named(self, text: str) -> str:
        if text.startswith("/nowhere"):
            raise Unfit(f"There is no file {text}.")
        return text

    async def test_relay(self, way: RelayWay) -> RelayTest:
        self.ways.append(way)
        error = self.judge(way)
        if error is None:
            return RelayTest((Finding("relay.websocket", Level.OK, "websocket", "open"),))
        finding = Finding("relay.hop", Level.PROBLEM, "hop", error.message, next_step=error.hint)
        return RelayTest((finding,), error.where, error)

    async def enrol(self, way: RelayWay, code: str, name: str) -> Enrolled:
        if self.refuses_code is not None:
            error, self.refuses_code = self.refuses_code, None
            raise error
        self.done.append(f"enrolled {name}")
        return Enrolled(name, way.url)

    async def systems(self) -> Sequence[System]:
        return [system_of("sandbox", "sandbox"), system_of("sap-ecc", "rfc"), any_database()]

    async def odbc_sources(self) -> OdbcSources:
        return self.sources

    def read(self, name: str) -> str | None:
        return self.files.get(name)

    async def write(self, name: str, text: str) -> None:
        self.done.append(f"wrote {name}")
        self.files[name] = text

    def vault_holds(self, name: str) -> bool:
        return name in self.vault

    async def store(self, name: str, value: Secret) -> None:
        self.done.append(f"stored {name}")
        self.vault[name] = value.reveal()

    async def streams_of(self, draft: Draft) -> Mapping[str, str]:
        return self.streams

    async def try_connection(self, draft: Draft) -> Sequence[CheckStep]:
        self.tried.append(draft)
        return self.try_it(draft)

    async def propose(self, draft: Draft) -> Proposed:
        return self.proposed

    async def preview(
        self, draft: Draft, policy: str, streams: Sequence[str], records: int
    ) -> list[dict[str, Any]]:
        self.done.append(f"previewed {','.join(streams)}")
        return [preview_document(f"{draft.name}/{name}") for name in streams]

    async def service(self) -> Service:
        return self.the_service

    async def start_service(self) -> None:
        self.done.append("started")


def preview_document(stream: str, **sample: Any) -> dict[str, Any]:
    return {
        "stream": stream,
        "policy": {"leaves": True, "why": "", "hint": ""},
        "error": None,
        "sample": {
            "tried": 1,
            "mapped": 1,
            "unknown_statuses": 0,
            "withheld_records": 0,
            "withheld_fields": {},
            "records": [{"key": "1"}],
            "rejects": [],
            **sample,
        },
    }


def secrets_of(person: Scripted) -> list[str]:
    return [question.key for question in person.asked if question.kind is Kind.SECRET]
