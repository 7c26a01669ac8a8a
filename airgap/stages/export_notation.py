"""Exports trust material for notation, with what the signatures in layouts show of revoked keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from airgap.errors import AirgapError
from airgap.oci.target import open_target
from airgap.pki.certificate import Certificate
from airgap.text import safe
from airgap.trust import export
from airgap.trust.directory import TrustDirectory
from airgap.trust.export import Exported
from airgap.trust.separation import check_apart
from airgap.verifier.layout_evidence import evidence_in


def export_notation(directory: TrustDirectory, target: Path, *, at: datetime, layouts: Sequence[str] = ()) -> Exported:
    """`airgap.trust.export.export_notation`, with the certificates in the signatures of these layouts.

    notation would accept another certificate of a key that is revoked in one of them. Raises AirgapError where a
    layout cannot be read, or has more certificates than are looked at; UsageError, TrustMaterialError, OSError.
    """
    check_apart(directory.path, layouts)
    seen: dict[Certificate, None] = {}
    for name in layouts:
        with open_target(name) as opened:
            evidence = evidence_in(opened)
            for unread in evidence.beyond_bounds:
                raise AirgapError(f"not all that {safe(name)} holds is known: {unread.problem}", remedy=unread.remedy)
            seen |= dict.fromkeys(evidence.certificates())
    return export.export_notation(directory, target, at=at, seen=tuple(seen))
