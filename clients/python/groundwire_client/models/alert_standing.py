from enum import StrEnum


class AlertStanding(StrEnum):
    CLEARED = "cleared"
    STANDING = "standing"

    def __str__(self) -> str:
        return str(self.value)
