"""The settings of agent.toml as a person looks at them: each with its value, and the line that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from agent.configuration import document
from agent.configuration.document import Document
from agent.configuration.effective import Settings
from agent.configuration.load import AGENT_FILE
from agent.configuration.model import AgentFile
from agent.errors import ConfigurationError

SECTIONS: Final = tuple(AgentFile.model_fields)


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting. `where` is the line of its file, or empty where nothing says so and the default holds."""

    section: str
    name: str
    value: Any  # JSON-ready; secrets only as references
    where: str
    about: str
    waits: bool = False  # the file says otherwise by now, which takes effect at the next start


def sections_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """JSON-ready; secrets only as references."""
    found = {name: dict(getattr(settings, name).model_dump(mode="json")) for name in SECTIONS}
    found["agent"]["state_dir"] = str(settings.state_dir)
    return found


def agent_settings(in_force: Settings, in_files: Settings) -> list[Shown]:
    """Reads agent.toml for the lines. A file that cannot be read now has none."""
    try:
        file = document.read(in_force.config_dir / AGENT_FILE, name=AGENT_FILE)
    except ConfigurationError:
        file = Document(AGENT_FILE, {}, {})
    before, now = sections_of(in_force), sections_of(in_files)
    return [
        Shown(
            section,
            name,
            value,
            file.place(section, name) if name in _table(file, section) else "",
            str(getattr(in_force, section).__class__.model_fields[name].description or ""),
            waits=now[section].get(name) != value,
        )
        for section, table in before.items()
        for name, value in table.items()
    ]


def _table(file: Document, section: str) -> Any:
    found = file.content.get(section)
    return found if isinstance(found, dict) else {}
