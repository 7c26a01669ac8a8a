"""The types that public functions take and return, for annotations. Users need not make one: functions do.

Unlike the other public modules this one loads what it names, so that programs import it below `TYPE_CHECKING`.
"""

from __future__ import annotations

from airgap.bundle.bundle_difference import BundleDifference
from airgap.bundle.bundle_overview import BundleOverview
from airgap.bundle.created_bundle import BundleResult
from airgap.bundle.opened_bundle import OpenBundle
from airgap.bundle.requested_layers import RequestedLayers
from airgap.bundle.split_layout import SplitResult
from airgap.collection.coverage import FetchOutcome
from airgap.examination import Examination
from airgap.guard import NetworkGuard
from airgap.net.login import LoginResult
from airgap.oci.artifact_tree import Discovered
from airgap.oci.descriptor import Descriptor
from airgap.oci.listing import Listing
from airgap.pki.algorithms import Algorithm
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.plugin.host import Host, Plugin
from airgap.plugin.install import Installation
from airgap.plugin.plugin_directory import Installed
from airgap.problem import Problem
from airgap.signature.key_config import LocalKey, TokenKey
from airgap.signature.key_location import NamedKey
from airgap.signature.results import InspectedArtifact, InspectedSignature, SignedArtifact, SignedBlob, StampedSignature
from airgap.stages.keys import GeneratedKey
from airgap.stages.snapshot import Created
from airgap.transfer.attached_files import AttachedFiles
from airgap.transfer.carried_bundles import CarriedBundle
from airgap.transfer.copied import CopyResult
from airgap.transfer.imported import ImportResult
from airgap.trust.blob_policy import BlobPolicy
from airgap.trust.edit import BrokenStore, StoredFile
from airgap.trust.export import Exported
from airgap.trust.policy import OciPolicy
from airgap.trust.policy_edit import CheckedPolicy
from airgap.trust.snapshots.material import Difference
from airgap.trust.snapshots.opened import OpenSnapshot
from airgap.trust.snapshots.snapshot_document import Snapshot
from airgap.trust.status import TrustStatus
from airgap.trust.stores import StoreRef
from airgap.verifier.blob_outcome import BlobOutcome
from airgap.verifier.ending_dates import EndingDates
from airgap.verifier.outcome import Outcome
from airgap.verifier.rechecked import RecheckOutcome
from airgap.verifier.snapshot_judgement import SnapshotOutcome
from airgap.verifier.snapshot_signer import JudgedSnapshot

__all__ = [
    "Algorithm", "Anchors", "AttachedFiles", "BlobOutcome", "BlobPolicy", "BrokenStore", "BundleDifference",
    "BundleOverview", "BundleResult", "CarriedBundle", "Certificate", "CheckedPolicy", "CopyResult", "Created",
    "Descriptor", "Difference", "Discovered", "EndingDates", "Examination", "Exported", "FetchOutcome", "GeneratedKey",
    "Host", "ImportResult", "InspectedArtifact", "InspectedSignature", "Installation", "Installed", "JudgedSnapshot",
    "Listing", "LocalKey", "LoginResult", "NamedKey", "NetworkGuard", "OciPolicy", "OpenBundle", "OpenSnapshot",
    "Outcome", "Plugin", "Problem", "RecheckOutcome", "RequestedLayers", "SignedArtifact", "SignedBlob",
    "Snapshot", "SnapshotOutcome", "SplitResult", "StampedSignature", "StoreRef", "StoredFile", "TokenKey",
    "TrustStatus",
]  # fmt: skip
