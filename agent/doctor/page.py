"""The tables of docs/doctor.md, made from the checks themselves: `python -m agent.doctor.page` prints them."""

from __future__ import annotations

from collections.abc import Iterable

from agent.doctor.check import KNOWN, Known
from agent.doctor.checks import CHECKS
from agent.doctor.versions import BAD


def tables() -> str:
    """Every check with every finding, and the versions that are known to be bad."""
    parts = [f"### {check.name}\n\n{_sentence(check.title)}\n\n{_table(check.known)}" for check in CHECKS]
    itself = f"### doctor\n\nOf the checks themselves.\n\n{_table(KNOWN)}"
    return "\n\n".join([*parts, itself, f"### Known-bad versions\n\n{_versions()}"])


def _sentence(title: str) -> str:
    return f"{title[0].upper()}{title[1:]}."


def _table(known: Iterable[Known]) -> str:
    rows = [f"| `{one.code}` | {one.level.value} | {one.meaning} | {one.remedy} |" for one in known]
    return "\n".join(["| code | level | what it means | what to do |", "|---|---|---|---|", *rows])


def _versions() -> str:
    rows = [
        f"| {bad.what} | {bad.first} up to {bad.mended}, which has it not | {bad.fault} | <{bad.link}> |"
        for bad in BAD
    ]
    return "\n".join(["| what | versions | fault | where it is written down |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    import click

    click.echo(tables())
