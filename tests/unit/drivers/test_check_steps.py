from __future__ import annotations

from drivers.check_steps import tried
from drivers.contract import CredentialsRefused


def test_after_a_failed_hop_the_rest_is_not_tried() -> None:
    called: list[str] = []

    def good() -> str:
        called.append("good")
        return "fine"

    def bad() -> str:
        raise CredentialsRefused("no", where="options", hint="do this")

    steps = tried([("one", good), ("two", bad), ("three", good)])

    assert [(step.name, step.ok) for step in steps] == [("one", True), ("two", False)]
    assert steps[-1].hint == "do this"
    assert called == ["good"]
