from enum import StrEnum


class TokenScope(StrEnum):
    COMMAND = "command"
    ENROL = "enrol"
    MANAGE = "manage"
    READ = "read"
    WEBHOOKS = "webhooks"

    def __str__(self) -> str:
        return str(self.value)
