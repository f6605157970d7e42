"""Who is told that credentials were refused is told where to set them, too: a driver does not know."""

from __future__ import annotations

import pytest

from agent.credentials.access import where_to_set
from agent.secrets import SecretRef
from agent.settings import ConnectionSettings


@pytest.mark.parametrize(
    ("references", "told"),
    [
        (["secret:erp-password"], "To set it anew: `groundwire secret set erp-password`."),
        (["file:/run/erp"], "To set it anew: the file /run/erp."),
        (["env:ERP", "env:ERP"], "To set it anew: the variable ERP and a restart."),
        (["secret:a", "secret:b"], "To set it anew: `groundwire secret set a`, `groundwire secret set b`."),
        ([], ""),
    ],
    ids=["vault", "file", "environment", "two", "none"],
)
def test_each_kind_of_reference_has_its_way(references: list[str], told: str) -> None:
    secrets = {f"s{number}": SecretRef.parse(text) for number, text in enumerate(references)}

    assert where_to_set(ConnectionSettings("erp", "odbc", secrets=secrets)) == told
