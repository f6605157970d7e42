"""What no line of the product does: run code that came as data, trust a server unseen, listen where nobody knows of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("agent", "drivers", "relay")

# Reading these runs what they hold, or can.
LOADERS = frozenset({"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "yaml", "dbm", "code", "runpy", "imp", "xmlrpc", "telnetlib"})  # fmt: skip
CALLS = frozenset({"eval", "exec", "compile", "__import__", "execfile", "input"})
METHODS = frozenset({"os.system", "os.popen", "os.execv", "os.execve", "os.spawnv", "tempfile.mktemp", "ssl._create_unverified_context", "subprocess.getoutput", "subprocess.getstatusoutput", "pa.PyExtensionType", "numpy.load", "np.load"})  # fmt: skip
# Of modules by names that stand in the product itself.
IMPORTERS = {
    "agent/doctor/trials.py",
    "agent/own_processes.py",
    "agent/selfcheck/modules.py",
    "agent/selfcheck/shipped.py",
    "drivers/odbc/native.py",
}

# Who opens a port or socket, and where it is described who may come.
LISTENERS = {
    "agent/control.py",
    "agent/console/server.py",
    "agent/console/service.py",
    "agent/metrics.py",
    "relay/metrics.py",
    "relay/api/listening.py",
    "relay/app.py",
    "relay/gateway.py",
}
LISTENING = frozenset(
    {
        "start_server",
        "start_unix_server",
        "create_server",
        "create_unix_server",
        "listen",
        "start_http_server",
        "make_server",
    }
)
LOOKED_AT = (ast.Import, ast.ImportFrom, ast.Call, ast.Attribute, ast.Assign)
LISTENING_NAMES = frozenset({"serve", "uvicorn.Server"})


def told_by(tree: ast.Module) -> list[ast.AST]:
    """The parts of a file that the laws are about: it is walked once."""
    return [node for node in ast.walk(tree) if isinstance(node, LOOKED_AT)]


@cache
def product() -> tuple[tuple[str, list[ast.AST]], ...]:
    files = [path for room in PRODUCT for path in sorted((ROOT / room).rglob("*.py"))]
    return tuple(
        (str(path.relative_to(ROOT)), told_by(ast.parse(path.read_text(encoding="utf-8")))) for path in files
    )


@cache
def calls() -> frozenset[tuple[str, str]]:
    return frozenset(
        (file, dotted(node.func)) for file, nodes in product() for node in nodes if isinstance(node, ast.Call)
    )


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def imported(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def faults_of(nodes: list[ast.AST]) -> Iterator[str]:
    yield from (f"imports {name}" for name in imported(nodes) if name in LOADERS)
    for node in nodes:
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in CALLS or name in METHODS:
                yield f"calls {name}"
            for word in node.keywords:
                value = word.value
                if word.arg == "shell" and not (isinstance(value, ast.Constant) and value.value is False):
                    yield "gives a text to a shell"
                if word.arg in {"verify", "check_hostname", "allow_pickle"} and isinstance(
                    value, ast.Constant
                ):
                    yield f"says {word.arg}={value.value}"
                if word.arg == "resolve_entities" and not (
                    isinstance(value, ast.Constant) and value.value is False
                ):
                    yield "resolves entities"
        elif isinstance(node, ast.Attribute) and node.attr in {"CERT_NONE", "CERT_OPTIONAL"}:
            yield f"names {node.attr}"
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Attribute) and target.attr in {"check_hostname", "verify_mode"}
            for target in node.targets
        ):
            yield "changes how certificates are checked"


def test_nothing_that_came_as_data_is_run_and_no_check_of_a_server_is_turned_off() -> None:
    assert [f"{file}: {fault}" for file, nodes in product() for fault in faults_of(nodes)] == []


def test_nothing_is_imported_by_a_name_from_outside() -> None:
    found = {
        file
        for file, name in calls()
        if name.rpartition(".")[2] in {"import_module", "find_spec", "load_module"}
    }

    assert found == IMPORTERS


def test_only_what_is_named_here_listens() -> None:
    found = {
        file for file, name in calls() if name in LISTENING_NAMES or name.rpartition(".")[2] in LISTENING
    }

    assert found == LISTENERS


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from yaml import load",
        "eval('1')",
        "__import__(name)",
        "subprocess.run('x', shell=True)",
        "httpx.Client(verify=False)",
        "context.verify_mode = ssl.CERT_NONE",
        "context.check_hostname = False",
        "etree.XMLParser(resolve_entities=True)",
        "np.load(file, allow_pickle=True)",
    ],
)
def test_a_line_that_does_so_is_noticed(line: str) -> None:
    assert list(faults_of(told_by(ast.parse(line))))
