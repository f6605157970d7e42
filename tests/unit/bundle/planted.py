"""An agent in whose every corner lies a secret or a value of its business, none of which may be in a bundle."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agent.audit.log import open_trail
from agent.audit.trail import Actor, Origin
from agent.bundle.collecting import Site
from agent.clock import ManualClock
from agent.errors import ConfigurationError, TransientError
from agent.outbox.store import DeadLetter, Entry, Outbox, RunRecord
from agent.outbox.values import BatchDraft, BatchKind
from agent.secrets import Secret
from agent.settings import load
from agent.vault.store import Vault
from tests.canaries import canary

# Values of a business: no secrets, so nothing masks them because it knows them.
BUSINESS: Final = ("Quellwasser", "Brunnengasse", "73920184")
NAME, STREET, NUMBER = BUSINESS
KEPT: Final = canary("-vault")
IN_A_FILE: Final = canary("-file")
UNKNOWN: Final = canary("-nobody-has-learned-this")
NOW: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
WORDS: Final = f"invalid value {NAME!r} of {STREET} {NUMBER} at https://me:{UNKNOWN}@erp?sig={UNKNOWN}"

AGENT = f"""
[agent]
name = "berlin"
state_dir = "state"
[relay]
url = "wss://relay.example/agent"
proxy = "http://proxy.example:3128"
proxy_user = "{NAME}"
proxy_password = "secret:proxy"
[telemetry]
otlp_endpoint = "https://collector:{UNKNOWN}@traces.example/v1?token={UNKNOWN}"
"""

CONNECTION = f"""
driver = "odbc"
[options]
url = "https://me:{UNKNOWN}@erp.example/sap/opu?sap-client=100&sig={UNKNOWN}#{UNKNOWN}"
header = "Authorization: Bearer {UNKNOWN}"
user = "{NAME}"
email = "{NAME}@{STREET}.example"
session_token = ["{UNKNOWN}"]
private = {{ pem = "{UNKNOWN}" }}
certificate = "-----BEGIN PRIVATE KEY-----\\n{UNKNOWN}\\n-----END PRIVATE KEY-----"
jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9{UNKNOWN}"
learned = "before {KEPT} behind"
connection = {{ Server = "db.example", Port = 5432, Uid = "{NAME}" }}
[secrets]
Pwd = "secret:erp"
Token = "file:FILE"
[streams.orders]
entity = "purchase_order"
[streams.orders.read]
query = "select id, name from orders where owner = '{NAME}' and street = \\"{STREET}\\" and no = {NUMBER} -- {NAME}"
key = ["id"]
filter = "Vendor eq '{NAME}'"
company = {NUMBER}
parameters = {{ owner = "{NAME} {STREET}" }}
[streams.orders.map]
orderNo = "id"
title = {{ const = "{NAME}" }}
vendorKey = {{ from = "vendor", default = "{NAME}", values = {{ "{NUMBER}" = "{STREET}" }} }}
notes = {{ coalesce = ["note", {{ const = "{STREET}" }}] }}
currencyKey = {{ concat = ["a", "b"], separator = "{STREET}" }}
status = {{ from = "state", values = {{ "{NAME}" = "approved" }} }}
terms = {{ from = "zterm", lookup = "terms" }}
lineItems = {{ lines = "lines", where = {{ kind = ["{NAME}"] }}, map = {{ quantity = {{ from = "qty", default = "{NUMBER}" }} }} }}
[streams.orders.map.lookups.terms]
"{NUMBER}" = "{STREET}"
[streams.orders.map.custom]
plant = {{ const = "{NAME}" }}
[streams.orders.write]
create = {{ statement = "insert into orders values ('{NAME}', {NUMBER})", constant = "{NAME} {STREET}" }}
"""

POLICY = f"""
commands = ["cancel"]
[connections.erp]
commands = ["sync"]
[connections.erp.leave.purchase_order]
fields = ["orderNo", "title"]
rows = {{ vendorKey = ["{NAME}", "{NUMBER}"] }}
[connections.erp.write.purchase_order]
operations = ["create"]
fields = "all"
max_amount = {{ EUR = "{NUMBER}.00" }}
"""

STATUS: dict[str, Any] = {
    "relay": {
        "phase": "waiting", "since": "2026-01-05T12:00:00Z", "failures": 3,
        "held_back": {"connections": ["erp"], "reason": WORDS},
        "error": {"code": "unreachable", "message": WORDS, "hint": WORDS},
    },
    "connections": [
        {
            "name": "erp", "system": None, "driver": "odbc", "state": "failed", "paused": False,
            "streams": [
                {
                    "name": "orders", "entity": "purchase_order", "state": "failed",
                    "error": {"code": "source_changed", "message": WORDS, "where": f"row {NUMBER}", "hint": WORDS},
                    "lastRun": {"status": "failed", "counts": {"read": 4}, "error": {"code": "x", "message": WORDS}},
                    WORDS: WORDS,
                }
            ],
        }
    ],
    "trace": {"error": {"message": WORDS, "file": f"/var/{NAME}"}},
}  # fmt: skip

GROUPS = {
    "groups": [
        {
            "stream": "erp/orders", "entity": "purchase_order", "field": "title", "reason": "not_a_number",
            "count": 4, "message": WORDS, "key": NUMBER, "oldest_at": "2026-01-05T12:00:00Z",
        }
    ],
    "total": 4,
}  # fmt: skip


def log_lines() -> list[str]:
    event = {
        "event": "run_failed",
        "level": "warning",
        "timestamp": "2026-01-05T12:00:00Z",
        "stream": "erp/orders",
    }
    traceback = (
        f'Traceback (most recent call last):\n  File "/opt/{NAME}/site-packages/agent/app.py", line 7, in run\n'
        f'    raise Unreachable("{WORDS}")\n  File "/home/{NAME}/x.py", line 3, in y\nagent.errors.Unreachable: {WORDS}'
    )
    lines: list[Any] = [
        {**event, "error": WORDS, "hint": WORDS, "url": f"https://me:{UNKNOWN}@erp", "rows": 12},
        {**event, "exception": traceback},
        {**event, "record": {"name": NAME, "street": [STREET], "no": NUMBER, "deep": {"key": NUMBER}}},
        {**event, "event": WORDS, "logger": WORDS},
        {**event, "code": f"{NAME} {STREET}", "stream": WORDS, NAME: 1, f"{STREET} {NUMBER}": WORDS},
        {**event, "amount": int(NUMBER * 3)},
        {**event, "error": f"[HY000] [{NAME}] SQLSTATE 28000: login of {NAME} failed, HTTP 401"},
        [WORDS],
        WORDS,
    ]
    return [json.dumps(line, ensure_ascii=False) for line in lines[:-1]] + [WORDS, f"{{broken {WORDS}"]


async def planted(folder: Path) -> Path:
    """The configuration folder. It lies below one named `secrets`: the operator's own files may hold what they hold."""
    config = folder / "secrets" / "config"
    (config / "connections").mkdir(parents=True)
    (config / "agent.toml").write_text(AGENT)
    file = folder / "secrets" / "erp-token"
    file.write_text(IN_A_FILE)
    file.chmod(0o600)
    (config / "connections" / "erp.toml").write_text(CONNECTION.replace("FILE", str(file)))
    (config / "connections" / "broken.toml").write_text(f'driver = "{NAME}"\npassword = "{UNKNOWN}"\n')
    (config / "policy.toml").write_text(POLICY)
    (config / "policy.toml").chmod(0o600)
    state = config / "state"
    state.mkdir(mode=0o700)
    Vault(state).put({"erp": Secret(KEPT), "proxy": Secret(canary("-proxy"))}, by="me", at=NOW)
    await _fill_outbox(state / "outbox.db")
    (state / "log").mkdir()
    (state / "log" / "agent.log").write_text("\n".join(log_lines()) + "\n")
    (state / "log" / "agent-000001.log.gz").write_bytes(gzip.compress("\n".join(log_lines()).encode()))
    (state / "log" / "agent-000002.log.gz").write_bytes(b"damaged " + UNKNOWN.encode())
    clock = ManualClock()
    async with open_trail(state, clock, timedelta(days=365)) as trail:
        facts = {
            "command": "c1",
            "state": "succeeded",
            "reference": NUMBER,
            "note": WORDS,
            "fields": ["title", WORDS],
        }
        await trail.record("command_settled", Actor(Origin.LOCAL, NAME), facts)
        await trail.record(
            "sign_in_refused", Actor(Origin.LOCAL, NAME.lower()), {"why": WORDS, "error": WORDS}
        )
    return config


async def _fill_outbox(path: Path) -> None:
    letter = DeadLetter(
        NUMBER, "title", "not_a_number", WORDS, 7, json.dumps({"name": NAME, "secret": KEPT}).encode()
    )
    run = RunRecord(
        "r1", "erp/orders", "erp", "purchase_order", "schedule", "changes", "failed", NOW, NOW,
        {"read": 4}, {"code": "source_changed", "message": WORDS, "where": NUMBER},
    )  # fmt: skip
    batch = BatchDraft(BatchKind.RECORDS, 1, f"{NAME} {STREET} {NUMBER}".encode())
    async with await Outbox.open(path, clock=ManualClock()) as outbox:
        await outbox.append(
            Entry(
                "erp/orders",
                "r1",
                "purchase_order",
                (batch,),
                f'{{"after": "{NAME}"}}',
                (letter,),
                run_record=run,
            )
        )


def site(config: Path, *, running: bool) -> Site:
    async def ask(name: str, args: Mapping[str, Any]) -> Any:
        if not running:
            raise TransientError(f"no {NAME}", where=NUMBER, hint=STREET)
        return {
            "status": STATUS,
            "dead_letter_groups": GROUPS,
            "outbox": {"pending_batches": 3, "oldest": NAME, "state": NAME, NUMBER: 1},
        }[name]

    try:
        settings = load(config)
    except ConfigurationError as error:
        return Site(error, ask, ManualClock())
    return Site(settings, ask, ManualClock())
