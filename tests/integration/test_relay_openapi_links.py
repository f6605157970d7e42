"""The API walked along its own links: what one answer names is asked for next, with every check on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.core.failures import FailureGroup

from tests.integration.api_answers import excused
from tests.integration.served_relay import Address, served_relay

REQUESTS = int(os.environ.get("GROUNDWIRE_API_REQUESTS", "250"))
WALKS = 20  # of STEPS requests at the most, in one go
STEPS = 10


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with served_relay(tmp_path_factory.mktemp("relay")) as served:
        yield served


@pytest.mark.timeout(3_600)
def test_what_one_answer_names_is_answered_as_described(relay: Address) -> None:
    """G229."""
    schema = schemathesis.openapi.from_dict(relay.description)
    answered: Counter[tuple[str, int]] = Counter()
    wrong: list[FailureGroup] = []
    own = relay.token.split("_")[1]

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Any) -> None:
            if (case.query or {}).get("wait"):
                case.query["wait"] = 0
            given = case.path_parameters
            # What would end the walk: the tenant and the token that it is made with.
            if given.get("tenant") == "default" or given.get("token") == own:
                case.path_parameters = {**given, "tenant": "none", "token": "none"}

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            key = relay.admin_key if "/admin/" in case.operation.path else relay.token
            return {"base_url": relay.url, "headers": {"Authorization": f"Bearer {key}"}}

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            answered[case.operation.label, response.status_code] += 1

        def validate_response(self, response: Any, case: Any, **words: Any) -> None:  # type: ignore[override]
            try:
                super().validate_response(response, case, **words)
            except FailureGroup as group:
                if not excused(group, case, response):
                    wrong.append(group)

    some = settings(
        max_examples=WALKS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    while sum(answered.values()) < REQUESTS and not wrong:
        # What a walk finds depends on the walks before it, which is the point; only repeating one would mind.
        with suppress(FlakyStrategyDefinition):
            Walk.run(settings=some)
    done = {label for label, status in answered if status < 300}
    print(
        f"{sum(answered.values())} requests; {len({name for name, _ in answered})} operations, {len(done)} done"
    )
    if wrong:
        raise wrong[0]
    assert len(done) >= 10
