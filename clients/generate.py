"""Writes the typed Python client anew from the description of the relay's API: `make client`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from relay.api.server import application

FOLDER: Final = Path(__file__).parent / "python"
PACKAGE: Final = "groundwire_client"
CONFIG: Final = {
    "project_name_override": "groundwire-client",
    "package_name_override": PACKAGE,
    "package_version_override": "1.0.0",
    "post_hooks": [],
    "http_timeout": 30,
    "content_type_overrides": {
        "application/x-ndjson": "application/octet-stream",
        "application/zip": "application/octet-stream",
        "application/vnd.apache.arrow.stream": "application/octet-stream",
        "application/problem+json": "application/json",
    },
}


def description() -> dict[str, Any]:
    """The API's own, but for what would make the client's types say less than they can."""
    found: dict[str, Any] = json.loads(json.dumps(application().openapi()))
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"].pop("304", None)  # has no document; its status says it
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            known = [one for one in body.get("schema", {}).get("anyOf", ()) if "$ref" in one]
            if known and operation["requestBody"].get("required"):
                body["schema"] = known[0]
    return found


def generate(target: Path) -> None:
    """Write the package `groundwire_client` into the folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "openapi.json").write_text(json.dumps(description()), "utf-8")
        (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
        words = ["generate", "--path", "openapi.json", "--config", "config.json", "--meta", "none"]
        words += ["--output-path", PACKAGE, "--fail-on-warning"]
        tool = Path(sys.executable).with_name("openapi-python-client")
        done = subprocess.run([str(tool), *words], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool
        if done.returncode != 0:
            raise SystemExit(f"the client cannot be made:\n{done.stdout}\n{done.stderr}")
        _format(folder / PACKAGE)
        shutil.rmtree(target / PACKAGE, ignore_errors=True)
        shutil.copytree(folder / PACKAGE, target / PACKAGE, ignore=shutil.ignore_patterns(".ruff_cache"))


def _format(folder: Path) -> None:
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    for words in (
        ["check", "--isolated", "--fix-only", "--select=I,F401", "--line-length=110", "--quiet", "."],
        ["format", "--isolated", "--line-length=110", "--quiet", "."],
    ):
        subprocess.run([*ruff, *words], cwd=folder, check=True)  # noqa: S603 - our own tool


if __name__ == "__main__":
    generate(FOLDER)
