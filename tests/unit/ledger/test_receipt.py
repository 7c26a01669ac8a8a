"""Receipts: what is read, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import airgap
from airgap import limits
from airgap.errors import AirgapError, NotFoundError
from airgap.ledger import LedgerError, Receipt, read_receipt, write_receipt
from airgap.ledger.receipt import RECEIPT_SCHEMA
from airgap.oci.digest import Digest
from tests.support.ledgers import BUNDLE, DAY, HELD, IMAGE, make, mark, put


@pytest.fixture
def receipt(tmp_path: Path) -> Receipt:
    rows = [put(), put(registry="b.example", held=[]), put(tags=["v2"]), mark(3), mark(4), mark(1, "weekly")]
    make(tmp_path / "l", rows)
    with airgap.Ledger.open(tmp_path / "l") as ledger:
        return Receipt.of(ledger, at=DAY, site="north \u2028", snapshot="default/7 sha256:ab")


def test_a_receipt_comes_back_as_it_was_written(receipt: Receipt, tmp_path: Path) -> None:
    write_receipt(tmp_path / "r.json", receipt)
    assert read_receipt(tmp_path / "r.json") == receipt
    assert receipt.registries == {"site.example:5000": dict(HELD), "b.example": {}}
    assert receipt.held == {held.digest for held in HELD}
    assert [(item.stream, item.number, item.bundle) for item in receipt.streams] == [
        ("monthly", 4, BUNDLE),
        ("weekly", 1, BUNDLE),
    ]
    assert receipt.head.rows == 6


def test_an_empty_ledger_has_a_receipt(tmp_path: Path) -> None:
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        made = Receipt.of(ledger, at=DAY)
    write_receipt(tmp_path / "r.json", made)
    assert read_receipt(tmp_path / "r.json") == made


HELD_ITEM = {"digest": str(IMAGE), "size": 1}


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda d: d.update(schema="airgap.receipt/2"), "not 'airgap.receipt/1'"),
        (lambda d: d.update(more=1), "more: is not known"),
        (lambda d: d.pop("streams"), "streams: is missing"),
        (lambda d: d.pop("registries"), "registries: is missing"),
        (lambda d: d.update(site=None), "site"),
        (lambda d: d.update(created="yesterday"), "created"),
        (lambda d: d["ledger"].update(head="ab"), "ledger.head: is no hash"),
        (lambda d: d["ledger"].update(count=-1), "count: is negative"),
        (lambda d: d["streams"].append({"stream": "a", "number": True, "bundle": str(BUNDLE)}), "number"),
        (lambda d: d["registries"].append(d["registries"][0]), "names a registry twice"),
        (lambda d: d["registries"][0]["held"].extend([HELD_ITEM, HELD_ITEM]), "names a digest twice"),
        (lambda d: d["registries"][0]["held"].append({"digest": "sha256:ab", "size": 1}), "is not a digest"),
        (lambda d: d["registries"][0]["held"].append({"digest": str(IMAGE), "size": 1.5}), "1.5"),
    ],
)
def test_other_documents_are_refused(
    receipt: Receipt, tmp_path: Path, act: Callable[[dict[str, Any]], object], problem: str
) -> None:
    document = json.loads("".join(receipt.pieces()))
    act(document)
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(LedgerError) as caught:
        read_receipt(tmp_path / "r.json")
    assert problem in str(caught.value)
    assert (caught.value.exit_code, caught.value.reason) == (18, "receipt.malformed")


def test_a_receipt_is_bounded(receipt: Receipt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_receipt(tmp_path / "r.json", receipt)
    monkeypatch.setattr(limits, "RECEIPT_BYTES", 100)
    with pytest.raises(AirgapError, match="more than 100 bytes"):
        read_receipt(tmp_path / "r.json")


def test_files_that_are_not_there_are_named(tmp_path: Path, receipt: Receipt) -> None:
    with pytest.raises(NotFoundError, match="there is no receipt"):
        read_receipt(tmp_path / "r.json")
    with pytest.raises(AirgapError, match="cannot be written"):
        write_receipt(tmp_path / "no" / "r.json", receipt)


def test_the_schema_of_the_document_is_stated_first(receipt: Receipt) -> None:
    assert "".join(receipt.pieces()).startswith(f'{{\n "schema": "{RECEIPT_SCHEMA}"')
    assert Digest.parse(str(IMAGE)) in receipt.held
