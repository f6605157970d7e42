"""The shape of a file of answers for `groundwire setup --from`: docs/setup.md."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from agent.configuration.model import Name, Table

INLINE: Final = ".secret"  # a file of this ending may hold values of secrets
PROMPT: Final = "prompt"


def _is_secret(value: object) -> object:
    """Never repeats the value: it may be the secret itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and set(value) == {"value"} and isinstance(value["value"], str):
        return value
    raise ValueError(
        'a secret is "env:NAME", "file:/path", "prompt", or { value = "..." } in a file named *.secret'
    )


_VALUE: Final = {
    "type": "object",
    "properties": {"value": {"type": "string", "minLength": 1}},
    "required": ["value"],
    "additionalProperties": False,
    "description": "The value itself: only in a file named *.secret that nobody else may read.",
}
_REFERENCE: Final = {
    "type": "string",
    "pattern": r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|secret:.+|prompt)$",
    "examples": ["env:ERP_PASSWORD", "file:/run/secrets/erp", "prompt"],
}
SecretAnswer = Annotated[Any, BeforeValidator(_is_secret), WithJsonSchema({"anyOf": [_REFERENCE, _VALUE]})]
Answer = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "integer", "boolean"]},
                {"type": "array", "items": {"type": "string"}},
                _VALUE,
            ]
        }
    ),
]


class RelayAnswers(Table):
    """The way to the relay. Left out where this agent is enrolled already."""

    url: str | None = Field(default=None, description="wss://HOST or wss://HOST:PORT.")
    code: SecretAnswer | None = Field(default=None, description="The enrolment code.")
    name: str | None = Field(
        default=None, description="How the relay calls this agent. Default: the host's name."
    )
    ca_file: str | None = Field(
        default=None, description="Own certificate authority, PEM. Default: the system's."
    )
    proxy: str | None = Field(
        default=None,
        description='http://HOST:PORT, or "none". Default: the one that this machine names for the relay, if any.',
    )
    proxy_user: str | None = Field(default=None, description="User at the proxy.")
    proxy_password: SecretAnswer | None = Field(default=None, description="Password at the proxy.")


class ConnectionAnswers(Table):
    """One connection."""

    system: str = Field(
        description='A name of `groundwire system list`, or "database" for any other over ODBC.'
    )
    answers: dict[str, Answer] = Field(
        default_factory=dict,
        description="What the system needs, by the names that docs/setup.md lists; secrets as references.",
    )
    streams: Literal["all"] | list[str] = Field(
        default="all", description='Names; "all" is every one that passes its test.'
    )
    leave: Literal["careful", "everything", "nothing"] = Field(
        default="careful",
        description="What policy.toml lets leave, where it says nothing of the connection yet.",
    )


class FilesAnswers(Table):
    """Files that are there already."""

    replace: bool = Field(
        default=False, description="Whether a file that says something else may be changed."
    )


class ServiceAnswers(Table):
    """The service, where one is installed."""

    start: bool = Field(default=False, description="Whether it is started, where it is installed.")


class AnswersFile(Table):
    """Answers to `groundwire setup`, for a set-up with nobody present."""

    relay: RelayAnswers = Field(default_factory=RelayAnswers)
    connections: dict[Name, ConnectionAnswers] = Field(default_factory=dict, description="In this order.")
    files: FilesAnswers = Field(default_factory=FilesAnswers)
    service: ServiceAnswers = Field(default_factory=ServiceAnswers)
