from enum import StrEnum


class Standing(StrEnum):
    DISCONNECTED = "disconnected"
    ESTABLISHED = "established"
    REFUSED = "refused"
    RELEASED = "released"

    def __str__(self) -> str:
        return str(self.value)
