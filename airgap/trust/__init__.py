"""Whom the operator trusts: trust stores, trust policy, identities, evidence directory, freshness.

Public are the names of `__all__`: how a trust directory is found, written, shown and moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.revocation.freshness import parse_ages
    from airgap.stages.export_notation import export_notation
    from airgap.stages.pin import add_pin, check_can_pin, delete_pin, list_pins, propose_pin, propose_tuf_pin
    from airgap.stages.snapshot import create_snapshot, diff_snapshots
    from airgap.stages.snapshot_apply import apply_snapshot, undo_snapshot, verify_snapshot
    from airgap.stages.snapshot_tuf import add_tuf_metadata, prepare_tuf_keys
    from airgap.trust.ceremony import Challenge
    from airgap.trust.edit import (
        add_certificates,
        delete_certificate,
        delete_store,
        find_certificate,
        list_certificates,
        parse_fingerprint,
        read_certificates,
        store_of,
        writable,
    )
    from airgap.trust.export import export_containers_policy
    from airgap.trust.location import Location, locate
    from airgap.trust.policy_document import PolicyError
    from airgap.trust.policy_edit import (
        PolicyWritten,
        check_policy,
        find_policy,
        import_policy,
        parse_policy,
        put_policy,
        strict_policy,
        with_statement,
    )
    from airgap.trust.scopes import check_scope
    from airgap.trust.separation import check_apart, check_output
    from airgap.trust.snapshots.opened import open_snapshot
    from airgap.trust.snapshots.pins import Pin
    from airgap.trust.snapshots.tuf_check import load_tuf
    from airgap.trust.status import trust_status
    from airgap.trust.store_types import StoreType
    from airgap.verifier.ending_dates import ending_dates
    from airgap.verifier.snapshot_judgement import ApplyRequest

__getattr__, __dir__ = on_demand(
    __name__,
    {
        "airgap.revocation.freshness": ("parse_ages",),
        "airgap.stages.export_notation": ("export_notation",),
        "airgap.stages.pin": ("add_pin", "check_can_pin", "delete_pin", "list_pins", "propose_pin", "propose_tuf_pin"),
        "airgap.stages.snapshot": ("create_snapshot", "diff_snapshots"),
        "airgap.stages.snapshot_apply": ("apply_snapshot", "undo_snapshot", "verify_snapshot"),
        "airgap.verifier.ending_dates": ("ending_dates",),
        "airgap.verifier.snapshot_judgement": ("ApplyRequest",),
        "airgap.stages.snapshot_tuf": ("add_tuf_metadata", "prepare_tuf_keys"),
        "airgap.trust.separation": ("check_apart", "check_output"),
        "airgap.trust.ceremony": ("Challenge",),
        "airgap.trust.location": ("Location", "locate"),
        "airgap.trust.edit": (
            "add_certificates",
            "delete_certificate",
            "delete_store",
            "find_certificate",
            "parse_fingerprint",
            "read_certificates",
            "list_certificates",
            "store_of",
            "writable",
        ),
        "airgap.trust.export": ("export_containers_policy",),
        "airgap.trust.policy_edit": (
            "PolicyWritten",
            "check_policy",
            "find_policy",
            "import_policy",
            "parse_policy",
            "put_policy",
            "strict_policy",
            "with_statement",
        ),
        "airgap.trust.scopes": ("check_scope",),
        "airgap.trust.snapshots.opened": ("open_snapshot",),
        "airgap.trust.snapshots.pins": ("Pin",),
        "airgap.trust.snapshots.tuf_check": ("load_tuf",),
        "airgap.trust.policy_document": ("PolicyError",),
        "airgap.trust.status": ("trust_status",),
        "airgap.trust.store_types": ("StoreType",),
    },
)

__all__ = [
    "ApplyRequest", "Challenge", "Location", "Pin", "PolicyError", "PolicyWritten", "StoreType", "add_certificates",
    "add_pin", "add_tuf_metadata", "apply_snapshot", "check_apart", "check_can_pin", "check_output", "check_policy",
    "check_scope", "create_snapshot", "delete_certificate", "delete_pin", "delete_store", "diff_snapshots",
    "ending_dates", "export_containers_policy", "export_notation", "find_certificate", "find_policy",
    "import_policy", "list_certificates", "list_pins", "load_tuf", "locate", "open_snapshot", "parse_ages",
    "parse_fingerprint", "parse_policy", "prepare_tuf_keys", "propose_pin", "propose_tuf_pin", "put_policy",
    "read_certificates", "store_of", "strict_policy", "trust_status", "undo_snapshot", "verify_snapshot",
    "with_statement", "writable",
]  # fmt: skip
