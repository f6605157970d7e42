"""What set-up has to know of a system that can be connected: data in `systems/`, one file each; see sandbox.toml.

A file may include others, whose names begin with `_`. A profile of the operator's own has no file: it is asked for what
its driver needs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

ANY_DATABASE: Final = "database"  # the choice that is no profile
DRIVERS: Final = ("dmf", "netsuite", "odata", "odbc", "rfc", "soap")  # each has a file `_NAME.toml`


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to ask for."""

    name: str
    text: str
    into: str = ""  # a dotted path in the connection file; empty: only other needs look at it
    why: str = ""
    example: str = ""
    default: str | None = None
    kind: str = "text"  # text, number, url, file, zone, list, secret, choice
    optional: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    when: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # need -> answers with which this is asked

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"

    def asked(self, answers: Mapping[str, str]) -> bool:
        return all(answers.get(name) in wanted for name, wanted in self.when.items())


@dataclass(frozen=True, slots=True)
class System:
    name: str
    title: str
    way: str  # how it is reached, in a few words
    needs: tuple[Need, ...] = ()
    group: str = ""
    is_database: bool = False  # over ODBC: the needs come from the machine's drivers and data sources too
    always: Mapping[str, Any] = field(
        default_factory=dict
    )  # what its connection file says whatever is answered
    page: str = ""
    prepare: str = ""  # what its administrator has to have done

    @property
    def is_profile(self) -> bool:
        return self.name != ANY_DATABASE


def system_of(name: str, driver: str) -> System:
    """What is known of a profile, or where nothing is, of its driver."""
    if _read(name) is not None:
        return _made(name, _whole(name))
    known = _whole(f"_{driver}") if driver in DRIVERS else {}
    return _made(name, {**known, "title": name, "way": driver, "group": "Your own"})


def any_database() -> System:
    return _made(ANY_DATABASE, _whole(ANY_DATABASE))


def _made(name: str, document: Mapping[str, Any]) -> System:
    return System(
        name=name,
        title=document["title"],
        way=document.get("way", ""),
        group=document.get("group", ""),
        needs=tuple(document.get("needs", ())),
        is_database=bool(document.get("database", False)),
        always=document.get("always", {}),
        page=document.get("page", ""),
        prepare=document.get("prepare", ""),
    )


def _whole(name: str) -> dict[str, Any]:
    """The file over those that it includes; what is asked, in order."""
    own = dict(_read(name) or {})
    below = [_whole(each) for each in own.pop("include", ())]
    needs: list[Need] = [need for one in below for need in one["needs"]]
    for ask in own.pop("ask", ()):
        need = Need(**{**ask, "when": {of: tuple(values) for of, values in ask.get("when", {}).items()}})
        at = next((index for index, one in enumerate(needs) if one.name == need.name), None)
        if at is None:
            needs.append(need)
        else:  # it says otherwise what an included file asks, at the same place
            needs[at] = need
    first = own.pop("first", ())
    front = [need for wanted in first for need in needs if need.name == wanted]
    merged: dict[str, Any] = {}
    for one in below:
        merged |= {key: value for key, value in one.items() if key != "needs"}
    return {**merged, **own, "needs": front + [need for need in needs if need not in front]}


@cache
def _read(name: str) -> Mapping[str, Any] | None:
    file = files("agent.setup") / "systems" / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else None
