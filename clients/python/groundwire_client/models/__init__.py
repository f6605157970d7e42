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
from .backlog_out import BacklogOut
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
from .dead_letter_list import DeadLetterList
from .dead_letter_out import DeadLetterOut
from .deleted import Deleted
from .differences_out import DifferencesOut
from .discover_in import DiscoverIn
from .enrolment_code_in import EnrolmentCodeIn
from .enrolment_code_list import EnrolmentCodeList
from .enrolment_code_out import EnrolmentCodeOut
from .error_out import ErrorOut
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
from .nothing_in import NothingIn
from .operation_list import OperationList
from .operation_out import OperationOut
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
from .requeue_in import RequeueIn
from .revert_in import RevertIn
from .rule import Rule
from .run_counts_out import RunCountsOut
from .status_in import StatusIn
from .step_out import StepOut
from .step_out_result_type_0 import StepOutResultType0
from .stream_out import StreamOut
from .sync_in import SyncIn
from .sync_run_in import SyncRunIn
from .sync_run_list import SyncRunList
from .sync_run_out import SyncRunOut
from .sync_run_out_error_type_0 import SyncRunOutErrorType0
from .vendor import Vendor
from .vendor_addresses_item import VendorAddressesItem
from .vendor_custom_fields import VendorCustomFields
from .vendor_list import VendorList
from .vendor_raw_type_0 import VendorRawType0
from .vendor_record import VendorRecord
from .vendor_record_addresses_item import VendorRecordAddressesItem
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
    "BacklogOut",
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
    "DeadLetterList",
    "DeadLetterOut",
    "Deleted",
    "DifferencesOut",
    "DiscoverIn",
    "EnrolmentCodeIn",
    "EnrolmentCodeList",
    "EnrolmentCodeOut",
    "ErrorOut",
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
    "NothingIn",
    "OperationList",
    "OperationOut",
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
    "RequeueIn",
    "RevertIn",
    "Rule",
    "RunCountsOut",
    "StatusIn",
    "StepOut",
    "StepOutResultType0",
    "StreamOut",
    "SyncIn",
    "SyncRunIn",
    "SyncRunList",
    "SyncRunOut",
    "SyncRunOutErrorType0",
    "Vendor",
    "VendorAddressesItem",
    "VendorCustomFields",
    "VendorList",
    "VendorRawType0",
    "VendorRecord",
    "VendorRecordAddressesItem",
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
