"""A refusal is called what it is, and the remedy is about that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.copying import family, write
from tests.support.registry import LoopbackRegistry, Responder, answer, error


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        yield running


def detailed(status: int, code: str, detail: object) -> Responder:
    body = json.dumps({"errors": [{"code": code, "message": "unknown error", "detail": detail}]})
    return answer(status, body.encode(), Content_Type="application/json")


REFUSALS: dict[str, tuple[str, str, Responder, str, str]] = {
    "quota": (
        "POST", "/uploads/", error(403, "DENIED", "quota exceeded"),
        "refuses pull and push on", "If it needs a login: airgap login",
    ),
    "immutable tags": (
        "PUT", "/manifests/v1", error(400, "TAG_INVALID", "the repository is immutable"),
        "the repository is immutable", "copy to another tag",
    ),
    "no such repository": (
        "POST", "/uploads/", error(404, "NAME_UNKNOWN", "the repository does not exist"),
        "does not exist", "make it there first",
    ),
    "no room": ("POST", "/uploads/", answer(507), "answered 507", "has no room left"),
    "details": (
        "PUT", "/blobs/uploads/", detailed(500, "UNKNOWN", {"Op": "write", "Err": "no space left on device"}),
        "no space left on device", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_says_why_a_registry_refuses(tmp_path: Path, registry: LoopbackRegistry, name: str) -> None:
    method, pattern, responder, says, remedy = REFUSALS[name]
    registry.on(method, pattern, responder)
    ran = run_here(["copy", "--retries", "0", str(write(tmp_path / "stick", family())), f"{registry.host}/app"])
    assert (ran.code, says in ran.err, remedy in ran.err) == (1, True, True), ran
    assert "wants credentials" not in ran.err


def test_takes_a_length_of_zero_for_none(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Some proxies say it of every answer without a body; other tools do not look at it."""
    stick = str(write(tmp_path / "stick", family()))
    assert run_here(["copy", stick, f"{registry.host}/app"]).code == 0
    registry.on("HEAD", "/blobs/", answer(200, Content_Length="0"))
    assert run_here(["copy", stick, f"{registry.host}/app"]).code == 0


def test_says_that_another_length_is_the_fault_of_the_registry(tmp_path: Path, registry: LoopbackRegistry) -> None:
    registry.on("HEAD", "/blobs/", answer(200, b"xyz"))
    ran = run_here(["copy", str(write(tmp_path / "stick", family())), f"{registry.host}/app"])
    assert (ran.code, "nothing is wrong here" in ran.err) == (16, True), ran
