from enum import StrEnum


class DeadLetterState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"

    def __str__(self) -> str:
        return str(self.value)
