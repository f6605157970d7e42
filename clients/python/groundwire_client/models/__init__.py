"""Contains all the data models used in inputs/outputs"""

from .agent_health_out import AgentHealthOut
from .agent_list import AgentList
from .agent_out import AgentOut
from .alert_list import AlertList
from .alert_out import AlertOut
from .alert_rule_in import AlertRuleIn
from .alert_rule_list import AlertRuleList
from .alert_rule_out import AlertRuleOut
from .alert_standing import AlertStanding
from .asset import Asset
from .asset_custom_fields import AssetCustomFields
from .asset_list import AssetList
from .asset_raw_type_0 import AssetRawType0
from .asset_record import AssetRecord
from .audit_actor_out import AuditActorOut
from .audit_line_out import AuditLineOut
from .audit_line_out_facts import AuditLineOutFacts
from .audit_list import AuditList
from .backlog_out import BacklogOut
from .bundle_in import BundleIn
from .certificate_out import CertificateOut
from .change_in import ChangeIn
from .change_in_changes_item import ChangeInChangesItem
from .command_list import CommandList
from .command_out import CommandOut
from .command_out_args import CommandOutArgs
from .command_out_progress_type_0 import CommandOutProgressType0
from .command_out_result_type_0 import CommandOutResultType0
from .command_state import CommandState
from .connection_detail import ConnectionDetail
from .connection_detail_error_type_0 import ConnectionDetailErrorType0
from .connection_detail_told_streams_item import ConnectionDetailToldStreamsItem
from .connection_health_out import ConnectionHealthOut
from .connection_list import ConnectionList
from .connection_out import ConnectionOut
from .connection_out_error_type_0 import ConnectionOutErrorType0
from .connection_out_told_streams_item import ConnectionOutToldStreamsItem
from .connection_state_out import ConnectionStateOut
from .counts_out import CountsOut
from .credentials_out import CredentialsOut
from .dead_letter_cause_list import DeadLetterCauseList
from .dead_letter_cause_out import DeadLetterCauseOut
from .dead_letter_choice import DeadLetterChoice
from .dead_letter_list import DeadLetterList
from .dead_letter_out import DeadLetterOut
from .dead_letter_state import DeadLetterState
from .deleted import Deleted
from .delivery_state import DeliveryState
from .differences_out import DifferencesOut
from .disabled_reason import DisabledReason
from .discover_in import DiscoverIn
from .enrolment_code_in import EnrolmentCodeIn
from .enrolment_code_list import EnrolmentCodeList
from .enrolment_code_out import EnrolmentCodeOut
from .error_out import ErrorOut
from .event_list import EventList
from .event_out import EventOut
from .event_out_data import EventOutData
from .event_type import EventType
from .fault import Fault
from .field_fault_out import FieldFaultOut
from .fleet_agent_out import FleetAgentOut
from .fleet_out import FleetOut
from .health_state import HealthState
from .inventory_item import InventoryItem
from .inventory_item_custom_fields import InventoryItemCustomFields
from .inventory_item_list import InventoryItemList
from .inventory_item_raw_type_0 import InventoryItemRawType0
from .inventory_item_record import InventoryItemRecord
from .inventory_item_record_stocks_item import InventoryItemRecordStocksItem
from .inventory_item_record_supply_options_item import InventoryItemRecordSupplyOptionsItem
from .inventory_item_stocks_item import InventoryItemStocksItem
from .inventory_item_supply_options_item import InventoryItemSupplyOptionsItem
from .listed_code_out import ListedCodeOut
from .move_in import MoveIn
from .new_token_out import NewTokenOut
from .nothing_in import NothingIn
from .operation_list import OperationList
from .operation_out import OperationOut
from .operator_audit_line_out import OperatorAuditLineOut
from .operator_audit_line_out_facts import OperatorAuditLineOutFacts
from .operator_audit_list import OperatorAuditList
from .outbox_out import OutboxOut
from .preview_in import PreviewIn
from .preview_in_changes_item import PreviewInChangesItem
from .problem_document import ProblemDocument
from .purchase_order import PurchaseOrder
from .purchase_order_billing_address_type_0 import PurchaseOrderBillingAddressType0
from .purchase_order_custom_fields import PurchaseOrderCustomFields
from .purchase_order_delivery_address_type_0 import PurchaseOrderDeliveryAddressType0
from .purchase_order_line_items_item import PurchaseOrderLineItemsItem
from .purchase_order_line_items_item_status_type_1 import PurchaseOrderLineItemsItemStatusType1
from .purchase_order_list import PurchaseOrderList
from .purchase_order_raw_type_0 import PurchaseOrderRawType0
from .purchase_order_record import PurchaseOrderRecord
from .purchase_order_record_billing_address_type_0 import PurchaseOrderRecordBillingAddressType0
from .purchase_order_record_delivery_address_type_0 import PurchaseOrderRecordDeliveryAddressType0
from .purchase_order_record_line_items_item import PurchaseOrderRecordLineItemsItem
from .purchase_order_record_line_items_item_status_type_1 import PurchaseOrderRecordLineItemsItemStatusType1
from .purchase_order_record_shipment_address_type_0 import PurchaseOrderRecordShipmentAddressType0
from .purchase_order_record_status_type_1 import PurchaseOrderRecordStatusType1
from .purchase_order_shipment_address_type_0 import PurchaseOrderShipmentAddressType0
from .purchase_order_status_type_1 import PurchaseOrderStatusType1
from .read_mapping_in import ReadMappingIn
from .reason_out import ReasonOut
from .replay_in import ReplayIn
from .replay_out import ReplayOut
from .requeue_in import RequeueIn
from .revert_in import RevertIn
from .rotate_in import RotateIn
from .rotate_secret_in import RotateSecretIn
from .rotated_secret_out import RotatedSecretOut
from .rule import Rule
from .run_counts_out import RunCountsOut
from .standing import Standing
from .status_in import StatusIn
from .step_out import StepOut
from .step_out_result_type_0 import StepOutResultType0
from .stream_out import StreamOut
from .sync_in import SyncIn
from .sync_run_in import SyncRunIn
from .sync_run_list import SyncRunList
from .sync_run_out import SyncRunOut
from .sync_run_out_error_type_0 import SyncRunOutErrorType0
from .tenant_change import TenantChange
from .tenant_in import TenantIn
from .tenant_list import TenantList
from .tenant_out import TenantOut
from .token_in import TokenIn
from .token_list import TokenList
from .token_out import TokenOut
from .token_scope import TokenScope
from .usage_action import UsageAction
from .usage_history import UsageHistory
from .usage_line_out import UsageLineOut
from .usage_out import UsageOut
from .used_connection_list import UsedConnectionList
from .used_connection_out import UsedConnectionOut
from .vendor import Vendor
from .vendor_addresses_item import VendorAddressesItem
from .vendor_custom_fields import VendorCustomFields
from .vendor_list import VendorList
from .vendor_raw_type_0 import VendorRawType0
from .vendor_record import VendorRecord
from .vendor_record_addresses_item import VendorRecordAddressesItem
from .webhook_attempt_out import WebhookAttemptOut
from .webhook_delivery_list import WebhookDeliveryList
from .webhook_delivery_out import WebhookDeliveryOut
from .webhook_endpoint_created import WebhookEndpointCreated
from .webhook_endpoint_in import WebhookEndpointIn
from .webhook_endpoint_list import WebhookEndpointList
from .webhook_endpoint_out import WebhookEndpointOut
from .webhook_endpoint_patch import WebhookEndpointPatch
from .webhook_test_out import WebhookTestOut
from .work_order import WorkOrder
from .work_order_custom_fields import WorkOrderCustomFields
from .work_order_list import WorkOrderList
from .work_order_materials_item import WorkOrderMaterialsItem
from .work_order_raw_type_0 import WorkOrderRawType0
from .work_order_record import WorkOrderRecord
from .work_order_record_materials_item import WorkOrderRecordMaterialsItem
from .work_order_record_resources_item import WorkOrderRecordResourcesItem
from .work_order_record_status_type_1 import WorkOrderRecordStatusType1
from .work_order_record_tasks_item import WorkOrderRecordTasksItem
from .work_order_record_tasks_item_status_type_1 import WorkOrderRecordTasksItemStatusType1
from .work_order_resources_item import WorkOrderResourcesItem
from .work_order_status_type_1 import WorkOrderStatusType1
from .work_order_tasks_item import WorkOrderTasksItem
from .work_order_tasks_item_status_type_1 import WorkOrderTasksItemStatusType1

__all__ = (
    "AgentHealthOut",
    "AgentList",
    "AgentOut",
    "AlertList",
    "AlertOut",
    "AlertRuleIn",
    "AlertRuleList",
    "AlertRuleOut",
    "AlertStanding",
    "Asset",
    "AssetCustomFields",
    "AssetList",
    "AssetRawType0",
    "AssetRecord",
    "AuditActorOut",
    "AuditLineOut",
    "AuditLineOutFacts",
    "AuditList",
    "BacklogOut",
    "BundleIn",
    "CertificateOut",
    "ChangeIn",
    "ChangeInChangesItem",
    "CommandList",
    "CommandOut",
    "CommandOutArgs",
    "CommandOutProgressType0",
    "CommandOutResultType0",
    "CommandState",
    "ConnectionDetail",
    "ConnectionDetailErrorType0",
    "ConnectionDetailToldStreamsItem",
    "ConnectionHealthOut",
    "ConnectionList",
    "ConnectionOut",
    "ConnectionOutErrorType0",
    "ConnectionOutToldStreamsItem",
    "ConnectionStateOut",
    "CountsOut",
    "CredentialsOut",
    "DeadLetterCauseList",
    "DeadLetterCauseOut",
    "DeadLetterChoice",
    "DeadLetterList",
    "DeadLetterOut",
    "DeadLetterState",
    "Deleted",
    "DeliveryState",
    "DifferencesOut",
    "DisabledReason",
    "DiscoverIn",
    "EnrolmentCodeIn",
    "EnrolmentCodeList",
    "EnrolmentCodeOut",
    "ErrorOut",
    "EventList",
    "EventOut",
    "EventOutData",
    "EventType",
    "Fault",
    "FieldFaultOut",
    "FleetAgentOut",
    "FleetOut",
    "HealthState",
    "InventoryItem",
    "InventoryItemCustomFields",
    "InventoryItemList",
    "InventoryItemRawType0",
    "InventoryItemRecord",
    "InventoryItemRecordStocksItem",
    "InventoryItemRecordSupplyOptionsItem",
    "InventoryItemStocksItem",
    "InventoryItemSupplyOptionsItem",
    "ListedCodeOut",
    "MoveIn",
    "NewTokenOut",
    "NothingIn",
    "OperationList",
    "OperationOut",
    "OperatorAuditLineOut",
    "OperatorAuditLineOutFacts",
    "OperatorAuditList",
    "OutboxOut",
    "PreviewIn",
    "PreviewInChangesItem",
    "ProblemDocument",
    "PurchaseOrder",
    "PurchaseOrderBillingAddressType0",
    "PurchaseOrderCustomFields",
    "PurchaseOrderDeliveryAddressType0",
    "PurchaseOrderLineItemsItem",
    "PurchaseOrderLineItemsItemStatusType1",
    "PurchaseOrderList",
    "PurchaseOrderRawType0",
    "PurchaseOrderRecord",
    "PurchaseOrderRecordBillingAddressType0",
    "PurchaseOrderRecordDeliveryAddressType0",
    "PurchaseOrderRecordLineItemsItem",
    "PurchaseOrderRecordLineItemsItemStatusType1",
    "PurchaseOrderRecordShipmentAddressType0",
    "PurchaseOrderRecordStatusType1",
    "PurchaseOrderShipmentAddressType0",
    "PurchaseOrderStatusType1",
    "ReadMappingIn",
    "ReasonOut",
    "ReplayIn",
    "ReplayOut",
    "RequeueIn",
    "RevertIn",
    "RotatedSecretOut",
    "RotateIn",
    "RotateSecretIn",
    "Rule",
    "RunCountsOut",
    "Standing",
    "StatusIn",
    "StepOut",
    "StepOutResultType0",
    "StreamOut",
    "SyncIn",
    "SyncRunIn",
    "SyncRunList",
    "SyncRunOut",
    "SyncRunOutErrorType0",
    "TenantChange",
    "TenantIn",
    "TenantList",
    "TenantOut",
    "TokenIn",
    "TokenList",
    "TokenOut",
    "TokenScope",
    "UsageAction",
    "UsageHistory",
    "UsageLineOut",
    "UsageOut",
    "UsedConnectionList",
    "UsedConnectionOut",
    "Vendor",
    "VendorAddressesItem",
    "VendorCustomFields",
    "VendorList",
    "VendorRawType0",
    "VendorRecord",
    "VendorRecordAddressesItem",
    "WebhookAttemptOut",
    "WebhookDeliveryList",
    "WebhookDeliveryOut",
    "WebhookEndpointCreated",
    "WebhookEndpointIn",
    "WebhookEndpointList",
    "WebhookEndpointOut",
    "WebhookEndpointPatch",
    "WebhookTestOut",
    "WorkOrder",
    "WorkOrderCustomFields",
    "WorkOrderList",
    "WorkOrderMaterialsItem",
    "WorkOrderRawType0",
    "WorkOrderRecord",
    "WorkOrderRecordMaterialsItem",
    "WorkOrderRecordResourcesItem",
    "WorkOrderRecordStatusType1",
    "WorkOrderRecordTasksItem",
    "WorkOrderRecordTasksItemStatusType1",
    "WorkOrderResourcesItem",
    "WorkOrderStatusType1",
    "WorkOrderTasksItem",
    "WorkOrderTasksItemStatusType1",
)
