"""A connection as far as it was answered, and the file it makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tomlkit
from tomlkit.items import InlineTable, Item, Table

from agent.secrets import Secret
from agent.setup.needs import Need, System


@dataclass(frozen=True, slots=True)
class Draft:
    """`secrets` are values that were typed; `references` say where the connection file has them from."""

    name: str
    system: System
    needs: tuple[Need, ...]  # those that were asked, in order
    answers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)  # by need
    references: Mapping[str, str] = field(default_factory=dict)  # by need
    streams: tuple[str, ...] | None = None  # None: all that the profile turns on
    all_streams: tuple[str, ...] = ()
    proposed: str = ""  # TOML of streams
    enabled: bool = True

    def vault_name(self, need: str) -> str:
        return f"{self.name}-{need.replace('_', '-')}"

    def reference(self, need: str) -> str:
        return self.references.get(need) or f"secret:{self.vault_name(need)}"

    @property
    def label(self) -> Mapping[str, str]:
        """By the driver's name of each secret, the need that it was typed for."""
        return {
            need.into.partition(".")[2]: need.name for need in self.needs if need.into.startswith("secrets.")
        }


def document(draft: Draft) -> dict[str, Any]:
    """The connection file's content, without streams that were proposed."""
    found: dict[str, Any] = {"system": draft.system.name} if draft.system.is_profile else {}
    _lay(found, draft.system.always)
    for need in draft.needs:
        value = _value(draft, need)
        if need.into and value is not None:
            _put(found, need.into, value)
    if not draft.enabled:
        found["enabled"] = False
    if draft.streams is not None and draft.system.is_profile:
        for stream in draft.all_streams:
            if stream not in draft.streams:
                _put(found, f"streams.{stream}.enabled", value=False)
    return found


def connection_text(draft: Draft) -> str:
    """The file, with a word on everything that was asked."""
    whole = document(draft)
    made = tomlkit.document()
    for line in _head(draft):
        made.add(tomlkit.comment(line))
    made.add(tomlkit.nl())
    for key in ("driver", "system", "enabled"):
        if key in whole:
            resting = "it rests until this says true; `groundwire check` tests it meanwhile"
            made[key] = _item(whole.pop(key), resting if key == "enabled" else "")
    words = {need.into: need.text for need in draft.needs if need.into}
    for key, value in whole.items():
        if key == "streams":
            continue
        table = _table(value, key, words)
        if key == "secrets":
            table.comment("where the values are; never the values themselves")
        made[key] = table
    text = tomlkit.dumps(made)
    left_out = whole.get("streams", {})
    if left_out:
        text += "\n# Left out when this file was made:\n"
        text += "".join(f"\n[streams.{name}]\nenabled = false\n" for name in left_out)
    if draft.proposed:
        text += "\n" + _chosen_streams(draft)
    return text.rstrip() + "\n"


def _head(draft: Draft) -> list[str]:
    lines = [f"{draft.system.title}: as answered to `groundwire setup`."]
    if draft.system.page:
        lines.append(f"Every setting: {draft.system.page}, and docs/configuration.md.")
    return lines


def _table(value: Any, path: str, words: Mapping[str, str]) -> Table:
    table = tomlkit.table()
    for key, below in value.items():
        at = f"{path}.{key}"
        if isinstance(below, dict):
            table[key] = _reference(below) if "secret" in below else _table(below, at, words)
            continue
        table[key] = _item(below, "" if words.get(at, "?").endswith("?") else words[at])
    return table


def _item(value: Any, comment: str) -> Item:
    item: Item = tomlkit.item(value)
    return item.comment(comment) if comment else item


def _reference(value: Mapping[str, Any]) -> InlineTable:
    """`{ secret = "password" }` in the options of a driver stands in one line."""
    inline = tomlkit.inline_table()
    inline.update(value)
    return inline


def _chosen_streams(draft: Draft) -> str:
    """The proposals that were chosen, each read by the connection's schedule: somebody has looked at its records."""
    parsed = tomlkit.parse(draft.proposed)
    streams = parsed.get("streams", {})
    for name in list(streams):
        if draft.streams is not None and name not in draft.streams:
            del streams[name]
            continue
        streams[name].pop("sync", None)
    return tomlkit.dumps(parsed)


def _lay(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, Mapping):
            _lay(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for key in above:
        into = into.setdefault(key, {})
    into[last] = value


def _value(draft: Draft, need: Need) -> Any:
    """None: the file says nothing of it."""
    if need.is_secret:
        there = need.name in draft.secrets or need.name in draft.references
        return draft.reference(need.name) if there else None
    answer = draft.answers.get(need.name, "")
    if not answer:
        return None
    if need.kind == "key_file":
        return f"file:{answer}"
    if need.kind == "number":
        return int(answer)
    if need.kind == "list":
        return [part.strip() for part in answer.split(",") if part.strip()]
    return answer
