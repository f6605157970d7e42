from enum import StrEnum


class UsageAction(StrEnum):
    POOL_CHANGED = "pool_changed"
    REFUSED = "refused"
    RETURNED = "returned"
    TAKEN = "taken"

    def __str__(self) -> str:
        return str(self.value)
