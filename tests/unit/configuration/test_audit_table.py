from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from agent.configuration.model import AgentFile


def test_the_audit_log_is_kept_for_a_year_unless_told_otherwise() -> None:
    assert AgentFile().audit.retention == timedelta(days=365)
    assert AgentFile.model_validate({"audit": {"retention": "30d"}}).audit.retention == timedelta(days=30)


@pytest.mark.parametrize("retention", ["0s", "23h", "1d12h"])
def test_a_retention_of_less_than_a_day_or_of_half_days_is_refused(retention: str) -> None:
    with pytest.raises(ValidationError, match="whole days"):
        AgentFile.model_validate({"audit": {"retention": retention}})
