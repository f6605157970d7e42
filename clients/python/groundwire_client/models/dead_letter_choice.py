from enum import StrEnum


class DeadLetterChoice(StrEnum):
    ALL = "all"
    OPEN = "open"
    SETTLED = "settled"

    def __str__(self) -> str:
        return str(self.value)
