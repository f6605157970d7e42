from enum import StrEnum


class WorkOrderRecordTasksItemStatusType1(StrEnum):
    CANCELLED = "cancelled"
    CLOSED = "closed"
    COMPLETED = "completed"
    DRAFT = "draft"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    PLANNED = "planned"
    RELEASED = "released"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return str(self.value)
