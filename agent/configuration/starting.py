"""The files a new configuration begins with."""

from __future__ import annotations

from importlib.resources import files

from agent import systems
from agent.configuration.schema import schema_texts
from agent.errors import ConfigurationError
from agent.policy.model import POLICY_FILE


def example(name: str) -> str:
    """agent.toml, connection.toml or policy.toml with every setting explained; the same texts stand in `config/`."""
    return (files("agent.configuration") / "examples" / name).read_text(encoding="utf-8")


def starting_files(system: str | None = None) -> dict[str, str]:
    """Name in the configuration folder -> text. Raises ConfigurationError for an unknown system."""
    return {
        "agent.toml": example("agent.toml"),
        POLICY_FILE: _first_policy(),
        **_first_connection(system),
        **{f"schemas/{name}": text for name, text in schema_texts().items()},
    }


def _first_policy() -> str:
    """The example as comments: it explains everything and allows nothing."""
    head, rest = example("policy.toml").split("\n\n", 1)
    lines = [f"# {line}".rstrip() for line in rest.splitlines()]
    return "\n".join([head, "", "# Nothing is allowed yet. An example:", *lines]) + "\n"


def _first_connection(system: str | None) -> dict[str, str]:
    if system is None:
        # It rests until it was edited: an agent that starts must not call erp.example.com.
        text = example("connection.toml").replace("./schemas/", "../schemas/")
        return {"connections/example.toml": text.replace("enabled = true", "enabled = false", 1)}
    if system not in systems.known():
        raise ConfigurationError(
            f"there is no system named {system!r}",
            hint=f"Known systems: {', '.join(systems.known()) or 'none'}.",
        )
    text = f'#:schema ../schemas/connection.schema.json\nsystem = "{system}"\n'
    return {f"connections/{system}.toml": text}
