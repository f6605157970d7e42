from __future__ import annotations

from agent.configuration.merge import over_profile, over_sync


def test_a_schedule_of_any_kind_replaces_the_one_below() -> None:
    assert over_sync({"every": "5m", "lag": "1s"}, {"cron": "0 1 * * *"}) == {
        "cron": "0 1 * * *",
        "lag": "1s",
    }
    assert over_sync({"manual": True}, {"every": "1h"}) == {"every": "1h"}
    assert over_sync({"every": "5m"}, {"lag": "1s"}) == {"every": "5m", "lag": "1s"}


def test_options_merge_at_every_depth() -> None:
    merged = over_profile(
        {"driver": "odbc", "options": {"connection": {"Driver": "X", "Port": 1}}},
        {"options": {"connection": {"Port": 2, "Server": "s"}}},
    )

    assert merged["driver"] == "odbc"
    assert merged["options"] == {"connection": {"Driver": "X", "Port": 2, "Server": "s"}}


def test_one_field_of_a_mapping_is_replaced_whole() -> None:
    merged = over_profile(
        {"streams": {"o": {"entity": "e", "map": {"a": {"from": "x", "as": "date"}, "b": "y"}}}},
        {"streams": {"o": {"map": {"a": {"const": "1"}}}, "new": {"entity": "f"}}},
    )

    assert merged["streams"]["o"] == {
        "entity": "e",
        "read": {},
        "map": {"a": {"const": "1"}, "b": "y"},
        "write": {},
    }
    assert merged["streams"]["new"]["entity"] == "f"


def test_the_write_of_one_operation_is_replaced_whole() -> None:
    merged = over_profile(
        {"streams": {"o": {"write": {"create": {"required": ["a"], "steps": []}, "find": {"query": "q"}}}}},
        {"streams": {"o": {"write": {"create": {"steps": [1]}}}}},
    )

    assert merged["streams"]["o"]["write"] == {"create": {"steps": [1]}, "find": {"query": "q"}}


def test_neither_table_is_altered() -> None:
    profile = {"options": {"a": {"b": 1}}, "streams": {"s": {"map": {"x": "y"}}}}
    connection = {"options": {"a": {"c": 2}}, "streams": {"s": {"map": {"z": "w"}}}}

    over_profile(profile, connection)

    assert profile == {"options": {"a": {"b": 1}}, "streams": {"s": {"map": {"x": "y"}}}}
    assert connection == {"options": {"a": {"c": 2}}, "streams": {"s": {"map": {"z": "w"}}}}
