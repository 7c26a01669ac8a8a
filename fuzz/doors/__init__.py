"""The doors: where bytes of others come in, each as one function that a fuzzer can call.

The law of every door: any bytes give a value or an error of the project's own tree (`airgap.errors`), within the bounds
of time and memory that the hunt sets. A door returns where the bytes were refused as they should be; whatever else
leaves it is a crash. Some doors have a second law: what was accepted comes out the same again, or a second reader reads
the same; these raise `LawBrokenError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fuzz.doors import content, documents, envelopes, evidence, ledgers
from fuzz.doors.law import Door

DOORS: Final[Mapping[str, Door]] = {
    "der": evidence.der_elements,
    "certificate": evidence.certificate,
    "store-file": evidence.store_file,
    "crl": evidence.crl,
    "ocsp": evidence.ocsp,
    "token": evidence.token,
    "tsa-answer": evidence.tsa_answer,
    "jws": envelopes.jws,
    "cose": envelopes.cose,
    "cbor": envelopes.cbor_value,
    "json": documents.json_value,
    "manifest": content.manifest,
    "index": content.index,
    "layout-index": content.layout_index,
    "tar": content.tar,
    "reference": content.reference,
    "record": documents.record,
    "policy": documents.policy,
    "freshness": documents.freshness,
    "evidence-index": documents.evidence_index,
    "snapshot": documents.snapshot,
    "state": documents.state,
    "pins": documents.pins,
    "tuf": documents.tuf,
    "docker-config": documents.docker_config,
    "signing-keys": documents.signing_keys,
    "plugin-answer": documents.plugin_answer,
    "report": documents.report,
    "bundle": documents.bundle,
    "yaml": documents.yaml,
    "receipt": ledgers.receipt,
    "ledger-row": ledgers.row,
    "ledger-export": ledgers.export,
    "ledger": ledgers.database,
}
"""By the name that `--only` takes and the corpus has a folder for."""
