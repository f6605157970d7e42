from enum import StrEnum


class HealthState(StrEnum):
    ATTENTION = "attention"
    FAILING = "failing"
    OK = "ok"

    def __str__(self) -> str:
        return str(self.value)
