from enum import StrEnum


class PurchaseOrderRecordLineItemsItemStatusType1(StrEnum):
    APPROVED = "approved"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    DRAFT = "draft"
    ORDERED = "ordered"
    PARTIALLY_RECEIVED = "partially_received"
    PENDING_APPROVAL = "pending_approval"
    RECEIVED = "received"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return str(self.value)
