"""Carry signed container images across an air gap and verify them on the far side, with no network.

The public library (docs/reference/library.md): what most programs need. Errors, reports, keys of one's own and the
administration of a trust directory have modules of their own: `airgap.exports.PUBLIC`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airgap.bundle.opened_bundle import open_bundle
    from airgap.errors import AirgapError
    from airgap.guard import no_network
    from airgap.ledger.ledger_file import Ledger
    from airgap.net.credentials import Credential, Credentials
    from airgap.net.deadline import Deadline
    from airgap.net.evidence import EvidenceOptions
    from airgap.net.from_oras import from_oras
    from airgap.net.login import login, logout
    from airgap.net.options import TransportOptions
    from airgap.net.tsa import HttpTsa
    from airgap.oci.content_mode import Content
    from airgap.oci.digest import Digest
    from airgap.oci.lookup import Mechanism, ReferrersTag
    from airgap.plugin.plugin_directory import PluginDirectory
    from airgap.stages.attach_files import AttachRequest, attach
    from airgap.stages.blob import BlobSignRequest, BlobVerifyRequest, inspect_blob, sign_blob, verify_blob
    from airgap.stages.bundle_request import BundleRequest, BundleSigning
    from airgap.stages.copy import copy
    from airgap.stages.copy_request import CopyRequest
    from airgap.stages.create_bundle import create_bundle
    from airgap.stages.discover import discover
    from airgap.stages.doctor import DoctorRequest, doctor
    from airgap.stages.fetch import FetchRequest, fetch
    from airgap.stages.import_artifacts import ImportRequest, import_artifacts
    from airgap.stages.inspect import inspect
    from airgap.stages.ls import ls
    from airgap.stages.recheck import RecheckRequest, recheck
    from airgap.stages.request_layers import LayersRequest, request_layers
    from airgap.stages.sign import SignRequest, sign
    from airgap.stages.split_bundle import SplitRequest, split_bundle
    from airgap.stages.timestamp import TimestampRequest, add_timestamps
    from airgap.stages.verify import verify
    from airgap.transfer import events
    from airgap.transfer.plan import Selection
    from airgap.transfer.platforms import PlatformFilter
    from airgap.transfer.volume_layout import volume_bytes
    from airgap.trust.directory import TrustDirectory
    from airgap.verdict import Verdict
    from airgap.verifier.request import VerifyRequest
    from airgap.verifier.verification_plugins import AllowedPlugins

__getattr__, __dir__ = on_demand(
    __name__,
    {
        "airgap.bundle.opened_bundle": ("open_bundle",),
        "airgap.errors": ("AirgapError",),
        "airgap.guard": ("no_network",),
        "airgap.ledger.ledger_file": ("Ledger",),
        "airgap.net.credentials": ("Credential", "Credentials"),
        "airgap.net.evidence": ("EvidenceOptions",),
        "airgap.net.from_oras": ("from_oras",),
        "airgap.net.login": ("login", "logout"),
        "airgap.net.options": ("TransportOptions",),
        "airgap.net.deadline": ("Deadline",),
        "airgap.net.tsa": ("HttpTsa",),
        "airgap.oci.content_mode": ("Content",),
        "airgap.oci.digest": ("Digest",),
        "airgap.oci.lookup": ("Mechanism", "ReferrersTag"),
        "airgap.plugin.plugin_directory": ("PluginDirectory",),
        "airgap.stages.attach_files": ("AttachRequest", "attach"),
        "airgap.stages.blob": ("BlobSignRequest", "BlobVerifyRequest", "inspect_blob", "sign_blob", "verify_blob"),
        "airgap.stages.bundle_request": ("BundleRequest", "BundleSigning"),
        "airgap.stages.copy": ("copy",),
        "airgap.stages.copy_request": ("CopyRequest",),
        "airgap.stages.create_bundle": ("create_bundle",),
        "airgap.stages.discover": ("discover",),
        "airgap.stages.doctor": ("DoctorRequest", "doctor"),
        "airgap.stages.fetch": ("FetchRequest", "fetch"),
        "airgap.stages.import_artifacts": ("ImportRequest", "import_artifacts"),
        "airgap.stages.inspect": ("inspect",),
        "airgap.stages.ls": ("ls",),
        "airgap.stages.recheck": ("RecheckRequest", "recheck"),
        "airgap.stages.request_layers": ("LayersRequest", "request_layers"),
        "airgap.stages.sign": ("SignRequest", "sign"),
        "airgap.stages.split_bundle": ("SplitRequest", "split_bundle"),
        "airgap.stages.timestamp": ("TimestampRequest", "add_timestamps"),
        "airgap.stages.verify": ("verify",),
        "airgap.transfer.events": ("events",),
        "airgap.transfer.plan": ("Selection",),
        "airgap.transfer.platforms": ("PlatformFilter",),
        "airgap.transfer.volume_layout": ("volume_bytes",),
        "airgap.trust.directory": ("TrustDirectory",),
        "airgap.verdict": ("Verdict",),
        "airgap.verifier.request": ("VerifyRequest",),
        "airgap.verifier.verification_plugins": ("AllowedPlugins",),
    },
)

__all__ = [
    "AirgapError", "AllowedPlugins", "AttachRequest", "BlobSignRequest", "BlobVerifyRequest", "BundleRequest",
    "BundleSigning", "Content", "CopyRequest", "Credential", "Credentials", "Deadline", "Digest", "DoctorRequest",
    "EvidenceOptions", "FetchRequest", "HttpTsa", "ImportRequest", "LayersRequest", "Ledger", "Mechanism",
    "PlatformFilter", "PluginDirectory", "RecheckRequest", "ReferrersTag", "Selection", "SignRequest", "SplitRequest",
    "TimestampRequest", "TransportOptions", "TrustDirectory", "Verdict", "VerifyRequest", "__version__",
    "add_timestamps", "attach", "copy", "create_bundle", "discover", "doctor", "events", "fetch", "from_oras",
    "import_artifacts", "inspect", "inspect_blob", "login", "logout", "ls", "no_network", "open_bundle", "recheck",
    "request_layers",
    "sign", "sign_blob", "split_bundle", "verify", "verify_blob", "volume_bytes",
]  # fmt: skip
