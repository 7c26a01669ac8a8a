"""Results as reports: objects with a JSON document, a text for people and an exit code.

`VerifyReport(airgap.verify(...)).document()` is what `airgap verify --format json` prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.report.blobs import BlobReport, InspectedBlobReport, SignedBlobReport
    from airgap.report.bundle_html import write_bundle_html
    from airgap.report.bundle_shown import BundleDiffReport, BundleShowReport
    from airgap.report.bundle_split import BundleSplitReport
    from airgap.report.bundles import BundleCreateReport
    from airgap.report.changes import ChangedThing, DoneReport
    from airgap.report.copying import CopyReport
    from airgap.report.demonstration import DemoCase, DemoReport, demo_cases
    from airgap.report.discovery import DiscoverReport
    from airgap.report.ending import ExpiringReport
    from airgap.report.evidence_status import StatusReport
    from airgap.report.examined import DoctorReport
    from airgap.report.exporting import ExportReport
    from airgap.report.fetching import FetchReport
    from airgap.report.importing import ImportReport
    from airgap.report.inspection import InspectReport
    from airgap.report.ledgers import (
        LedgerCheckReport,
        LedgerListReport,
        LedgerNoteReport,
        LedgerPruneReport,
        LedgerShowReport,
        ShownRow,
        ledger_lines,
        prunable_words,
    )
    from airgap.report.listed import LsReport
    from airgap.report.plugins import PluginsReport
    from airgap.report.policies import PolicyReport, RefusedPolicyReport, ShownPolicyReport
    from airgap.report.receipts import LayersReport, ReceiptReport
    from airgap.report.rechecking import RecheckReport
    from airgap.report.report import ErrorReport, Report, check_report, to_json, write_report
    from airgap.report.signing import AttachReport, KeysReport, SignReport, TimestampReport
    from airgap.report.snapshots import PinsReport, SnapshotReport, ceremony_text
    from airgap.report.store_certificates import CertificatesReport
    from airgap.report.style import Style
    from airgap.report.topics import TopicReport
    from airgap.report.verify_text import VerifyReport
    from airgap.report.versions import VersionReport
    from airgap.report.wording import count, size

__getattr__, __dir__ = on_demand(
    __name__,
    {
        "airgap.report.blobs": ("BlobReport", "InspectedBlobReport", "SignedBlobReport"),
        "airgap.report.bundle_html": ("write_bundle_html",),
        "airgap.report.bundle_shown": ("BundleDiffReport", "BundleShowReport"),
        "airgap.report.bundle_split": ("BundleSplitReport",),
        "airgap.report.bundles": ("BundleCreateReport",),
        "airgap.report.store_certificates": ("CertificatesReport",),
        "airgap.report.changes": ("ChangedThing", "DoneReport"),
        "airgap.report.copying": ("CopyReport",),
        "airgap.report.demonstration": ("DemoCase", "DemoReport", "demo_cases"),
        "airgap.report.discovery": ("DiscoverReport",),
        "airgap.report.exporting": ("ExportReport",),
        "airgap.report.fetching": ("FetchReport",),
        "airgap.report.importing": ("ImportReport",),
        "airgap.report.inspection": ("InspectReport",),
        "airgap.report.ledgers": (
            "LedgerCheckReport",
            "LedgerListReport",
            "LedgerNoteReport",
            "LedgerPruneReport",
            "LedgerShowReport",
            "ShownRow",
            "ledger_lines",
            "prunable_words",
        ),
        "airgap.report.listed": ("LsReport",),
        "airgap.report.plugins": ("PluginsReport",),
        "airgap.report.policies": ("PolicyReport", "RefusedPolicyReport", "ShownPolicyReport"),
        "airgap.report.receipts": ("LayersReport", "ReceiptReport"),
        "airgap.report.rechecking": ("RecheckReport",),
        "airgap.report.report": ("ErrorReport", "Report", "check_report", "to_json", "write_report"),
        "airgap.report.signing": ("AttachReport", "KeysReport", "SignReport", "TimestampReport"),
        "airgap.report.snapshots": ("PinsReport", "SnapshotReport", "ceremony_text"),
        "airgap.report.examined": ("DoctorReport",),
        "airgap.report.ending": ("ExpiringReport",),
        "airgap.report.evidence_status": ("StatusReport",),
        "airgap.report.style": ("Style",),
        "airgap.report.topics": ("TopicReport",),
        "airgap.report.verify_text": ("VerifyReport",),
        "airgap.report.versions": ("VersionReport",),
        "airgap.report.wording": ("count", "size"),
    },
)

__all__ = [
    "AttachReport", "BlobReport", "BundleCreateReport", "BundleDiffReport", "BundleShowReport", "BundleSplitReport",
    "CertificatesReport", "ChangedThing", "CopyReport", "DemoCase", "DemoReport", "DiscoverReport", "DoctorReport",
    "DoneReport", "ErrorReport", "ExpiringReport", "ExportReport", "FetchReport", "ImportReport", "InspectReport",
    "InspectedBlobReport", "KeysReport", "LayersReport", "LedgerCheckReport", "LedgerListReport",
    "LedgerNoteReport", "LedgerPruneReport", "LedgerShowReport", "LsReport", "PinsReport", "PluginsReport",
    "PolicyReport", "ReceiptReport", "RecheckReport", "RefusedPolicyReport", "Report", "ShownPolicyReport",
    "ShownRow", "SignReport", "SignedBlobReport", "SnapshotReport", "StatusReport", "Style", "TimestampReport",
    "TopicReport", "VerifyReport", "VersionReport", "ceremony_text", "check_report", "count", "demo_cases",
    "ledger_lines", "prunable_words", "size", "to_json", "write_bundle_html", "write_report",
]  # fmt: skip
