"""`airgap sign`, `timestamp` and `key` as their users type them; verified by `airgap verify` in another process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.transfer.attach import AttachableLayout, Attachment
from tests.support.command import Ran, run_here, run_process
from tests.support.keyring import pem
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Issued, Pki
from tests.support.registry import LoopbackRegistry, answer, error
from tests.support.scenario import Scene, Signature, add_image
from tests.support.signing import KINDS, key_options, tree
from tests.support.trust import oci_policy, statement, write_trust
from tests.support.tsa import token
from tests.support.tsa_server import LoopbackTsa

ALGORITHMS = {"RSASSA-PSS-SHA-256", "RSASSA-PSS-SHA-384", "RSASSA-PSS-SHA-512"} | {
    "ECDSA-SHA-256",
    "ECDSA-SHA-384",
    "ECDSA-SHA-512",
}
LEAF = Pki().code_chain()
NOTARY = "application/vnd.cncf.notary.signature"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, credentials or proxies of the user who runs the tests."""
    for name in ("AIRGAP_KEYS", "AIRGAP_KEY_PASSPHRASE", "NOTATION_CONFIG", "NOTATION_USERNAME", "NOTATION_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)


@pytest.fixture
def tsa() -> Iterator[LoopbackTsa]:
    with LoopbackTsa() as server:
        yield server


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as server:
        yield server


def layout(folder: Path, *tags: str, archive: bool = False) -> Path:
    """A small image under each tag, each another one."""
    stick = LayoutBuilder()
    for tag in tags or ("v1",):
        stick.tag(stick.add_image(tag.encode(), b"{}"), tag)
    return stick.write_tar(folder / "trip.tar") if archive else stick.write_directory(folder / "layout")


def trust(folder: Path, *leaves: Issued, tsa: Issued | None = None) -> list[str]:
    stores: dict[str, list[Any]] = {"ca:harbour": [leaf.root for leaf in leaves or (LEAF,)]}
    names = ["ca:harbour"]
    if tsa is not None:
        stores["tsa:harbour"] = [tsa.root]
        names.append("tsa:harbour")
    policy = oci_policy(statement(trustStores=names))
    return ["--trust", str(write_trust(folder / "trust", policy=policy, stores=stores))]


def tsa_options(folder: Path, tsa: LoopbackTsa, root: Issued | None = None) -> list[str]:
    path = folder / "tsa-root.pem"
    path.write_bytes((root or tsa.issued.root).pem)
    return ["--timestamp-url", tsa.url, "--timestamp-root-cert", str(path)]


def sign(*arguments: object) -> Ran:
    ran = run_here(["sign", *map(str, arguments)])
    assert "Traceback" not in ran.err + ran.out, ran
    return ran


def signed(*arguments: object) -> dict[str, Any]:
    """Signs one artifact; the record about it."""
    ran = sign(*arguments, "--format", "json")
    assert ran.code == 0, ran
    (record,) = ran.document["signed"]
    assert isinstance(record, dict)
    return record


@dataclass
class Transport:
    """Where images are signed, and how they are brought to where they are verified."""

    name: Callable[[str], str]
    """The reference for a tag."""
    bring: Callable[[], Path]


TAGS = tuple(kind for kind in KINDS)


def prepared(kind: str, folder: Path, registry: LoopbackRegistry, tags: Sequence[str] = TAGS) -> Transport:
    if not kind.startswith("registry"):
        path = layout(folder, *tags, archive=kind == "tar")
        return Transport(lambda tag: f"{path}:{tag}", lambda: path)
    registry.referrers_api = kind == "registry with API"
    for tag in tags:
        registry.put_image("app", tag=tag, layers=(tag.encode(),))

    def bring() -> Path:
        copied = run_here(["copy", *(f"{registry.host}/app:{tag}" for tag in tags), str(folder / "copy")])
        assert copied.code == 0, copied
        return folder / "copy"

    return Transport(lambda tag: f"{registry.host}/app:{tag}", bring)


@pytest.mark.parametrize("form", ["jws", "cose"])
@pytest.mark.parametrize("kind", ["directory", "tar", "registry with API", "registry without API"])
def test_what_is_signed_verifies(
    tmp_path: Path, registry: LoopbackRegistry, tsa: LoopbackTsa, kind: str, form: str
) -> None:
    """All six algorithms, or two, in both envelopes, on every transport, timestamped; verified in another process."""
    tags = TAGS if kind == "directory" else ("rsa2048", "p384")
    transport = prepared(kind, tmp_path, registry, tags)
    leaves = [Pki().code_chain(key) for key in tags]
    for tag, leaf in zip(tags, leaves, strict=True):
        options = [*key_options(tmp_path / tag, leaf), *tsa_options(tmp_path, tsa)]
        ran = sign(transport.name(tag), "--signature-format", form, "-m", f"team={tag}", *options)
        assert ran.code == 0, ran
    verified = run_process(
        ["verify", str(transport.bring()), *trust(tmp_path, *leaves, tsa=tsa.issued), "--format", "json"]
    )
    assert verified.code == 0, verified
    artifacts = verified.document["artifacts"]
    assert len(artifacts) == len(tags)
    algorithms = {artifact["signatures"][0]["signer"]["algorithm"] for artifact in artifacts}
    assert algorithms == (ALGORITHMS if tags == TAGS else {"RSASSA-PSS-SHA-256", "ECDSA-SHA-384"})
    assert all(artifact["signatures"][0]["signer"]["timestamp"] for artifact in artifacts)
    assert all(artifact["content"]["verdict"] == "pass" for artifact in artifacts)
    assert {artifact["signatures"][0]["metadata"]["team"] for artifact in artifacts} == set(tags)


class TestResult:
    def test_prints_the_artifact_and_the_signer(self, tmp_path: Path) -> None:
        path = layout(tmp_path)
        ran = sign(f"{path}:v1", *key_options(tmp_path / "k", LEAF))
        assert ran.code == 0, ran
        assert f"Successfully signed {path}@sha256:" in ran.out
        assert "CN=builder" in ran.out
        assert "can move to another artifact" in ran.err

    def test_a_digest_needs_no_warning(self, tmp_path: Path) -> None:
        path = layout(tmp_path)
        options = key_options(tmp_path / "k", LEAF)
        reference = signed(f"{path}:v1", *options)["reference"]
        ran = sign(reference, "--force", *options)
        assert (ran.code, ran.err) == (0, "")

    def test_the_document_is_complete(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        path = layout(tmp_path)
        record = signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF), *tsa_options(tmp_path, tsa), "-e", "24h")
        assert record["signer"]["fingerprint"] == LEAF.fingerprint
        assert record["envelope"]["media_type"] == "application/jose+json"
        assert record["timestamp"]["authority"]["fingerprint"] == tsa.issued.fingerprint
        assert record["expiry"] > record["signing_time"]
        assert record["existed"] is False
        assert record["listed"] == "index.json"

    def test_signs_an_expiry(self, tmp_path: Path) -> None:
        path = layout(tmp_path)
        signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF), "--expiry", "1h")
        later = ["verify", str(path), *trust(tmp_path), "--at", "2075-01-01"]
        assert run_here([*later, "--format", "json"]).reasons == {"expiry.passed"}

    @pytest.mark.parametrize("kind", ["directory", "registry"])
    def test_writes_the_form_for_registries_of_version_1_0(
        self, tmp_path: Path, registry: LoopbackRegistry, kind: str
    ) -> None:
        """MAN-3."""
        path = layout(tmp_path)
        registry.put_image("app", tag="v1")
        target = f"{path}:v1" if kind == "directory" else f"{registry.host}/app:v1"
        signed(target, "--config-type", *key_options(tmp_path / "k", LEAF))
        if kind == "directory":
            assert run_here(["verify", str(path), *trust(tmp_path)]).code == 0
            return
        manifests = [json.loads(raw) for _, raw in registry.repositories["app"].manifests.values()]
        (made,) = [document for document in manifests if document["config"]["mediaType"] == NOTARY]
        assert "artifactType" not in made

    def test_a_child_of_an_index_keeps_its_media_type(self, tmp_path: Path) -> None:
        """MAN-35, D3."""
        stick = LayoutBuilder()
        child = add_image(stick)
        stick.tag(stick.add_index(child), "v1")
        path = stick.write_directory(tmp_path / "layout")
        record = signed(f"{path}@{child.digest}", *key_options(tmp_path / "k", LEAF))
        assert record["artifact"]["media_type"] == child.media_type
        assert run_here(["verify", f"{path}@{child.digest}", *trust(tmp_path)]).code == 0

    def test_signs_several_artifacts(self, tmp_path: Path) -> None:
        path = layout(tmp_path, "v1", "v2")
        ran = sign(f"{path}:v1", f"{path}:v2", f"{path}:v1", *key_options(tmp_path / "k", LEAF), "--format", "json")
        assert len(ran.document["signed"]) == 2
        assert run_here(["verify", str(path), *trust(tmp_path)]).code == 0

    def test_signs_artifacts_of_a_list(self, tmp_path: Path) -> None:
        path = layout(tmp_path, "v1", "v2")
        (tmp_path / "list").write_text(f"# all of them\n{path}:v1\n\n{path}:v2  # the new one\n")
        ran = sign("--file", str(tmp_path / "list"), *key_options(tmp_path / "k", LEAF), "--format", "json")
        assert len(ran.document["signed"]) == 2
        assert run_here(["verify", str(path), *trust(tmp_path)]).code == 0

    def test_lines_of_a_list_are_layouts_where_the_option_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "list").write_text("new.example/layout:v1\n")
        ran = run_here(["sign", "--oci-layout", "-f", "list", *key_options(tmp_path / "k", LEAF)])
        assert ran.code == 11, ran
        assert "there is no file or directory new.example/layout" in ran.err

    def test_signs_an_artifact_once_for_all_spellings_of_its_layout(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = layout(tmp_path, "v1")
        monkeypatch.chdir(tmp_path)
        names = [f"{path}:v1", "layout:v1", "./layout:v1", "oci:layout:v1"]
        ran = sign(*names, *key_options(tmp_path / "k", LEAF), "--format", "json")
        assert len(ran.document["signed"]) == 1
        assert len(json.loads((path / "index.json").read_bytes())["manifests"]) == 2

    def test_writes_a_layout_once_for_all_its_lines_in_a_list(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = (layout(tmp_path / name, "v1", "v2") for name in ("first", "second"))
        written: list[int] = []
        attach = AttachableLayout.attach

        def attached(holder: AttachableLayout, attachments: Sequence[Attachment]) -> list[str]:
            written.append(len(attachments))
            return attach(holder, attachments)

        monkeypatch.setattr(AttachableLayout, "attach", attached)
        names = [f"{path}:{tag}" for tag in ("v1", "v2") for path in (first, second)]
        ran = sign(*names, *key_options(tmp_path / "k", LEAF), "--format", "json")
        assert [item["target"] for item in ran.document["signed"]] == [names[0], names[2], names[1], names[3]]
        assert written == [2, 2]

    def test_no_reference_is_a_usage_error(self, tmp_path: Path) -> None:
        ran = run_here(["sign", *key_options(tmp_path / "k", LEAF)])
        assert (ran.code, "Name an artifact, or a list with --file." in ran.err) == (2, True)


class TestAgain:
    @pytest.mark.parametrize(("before", "existed"), [("2400h", True), ("2170h", True), ("2000h", False), ("1h", False)])
    def test_signs_again_where_the_expiry_is_much_earlier(self, tmp_path: Path, before: str, *, existed: bool) -> None:
        path = layout(tmp_path)
        signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF), "--expiry", before)
        again = signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF), "--expiry", "2400h")
        assert again["existed"] is existed

    @pytest.mark.parametrize("kind", ["directory", "tar", "registry with API", "registry without API"])
    def test_does_not_repeat_an_equal_signature(self, tmp_path: Path, registry: LoopbackRegistry, kind: str) -> None:
        transport = prepared(kind, tmp_path, registry)
        arguments = [transport.name("p256"), *key_options(tmp_path / "k", LEAF), "-m", "a=b"]
        first = signed(*arguments)
        again = signed(*arguments)
        assert (first["existed"], again["existed"]) == (False, True)
        assert again["signature"]["digest"] == first["signature"]["digest"]
        assert "Already signed" in sign(*arguments).out
        forced = signed(*arguments, "--force")
        assert forced["existed"] is False
        assert forced["signature"]["digest"] != first["signature"]["digest"]

    @pytest.mark.parametrize(
        "change",
        [["-m", "a=c"], ["-m", "more=x"], ["--signature-format", "cose"], ["-e", "24h"]],
        ids=["metadata", "more-metadata", "format", "expiry"],
    )
    def test_signs_again_with_other_metadata(self, tmp_path: Path, change: list[str]) -> None:
        path = layout(tmp_path)
        arguments = [f"{path}:v1", *key_options(tmp_path / "k", LEAF)]
        signed(*arguments, "-m", "a=b")
        assert signed(*arguments, *(["-m", "a=b"] if change[0] != "-m" else []), *change)["existed"] is False

    def test_signs_again_with_another_signer(self, tmp_path: Path) -> None:
        path = layout(tmp_path)
        signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF))
        other = Pki().code_chain("p384")
        assert signed(f"{path}:v1", *key_options(tmp_path / "o", other))["existed"] is False

    def test_signs_again_where_the_timestamp_is_missing(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        path = layout(tmp_path)
        arguments = [f"{path}:v1", *key_options(tmp_path / "k", LEAF)]
        signed(*arguments)
        assert signed(*arguments, *tsa_options(tmp_path, tsa))["existed"] is False
        assert signed(*arguments, *tsa_options(tmp_path, tsa))["existed"] is True
        assert len(tsa.queries) == 1

    @pytest.mark.parametrize("lost", [False, True], ids=["damaged", "lost"])
    def test_refuses_to_sign_beside_an_unreadable_signature(self, tmp_path: Path, *, lost: bool) -> None:
        path = layout(tmp_path)
        arguments = [f"{path}:v1", *key_options(tmp_path / "k", LEAF)]
        first = signed(*arguments)
        blob = path / "blobs" / "sha256" / first["envelope"]["digest"].removeprefix("sha256:")
        blob.chmod(0o600)
        if lost:
            blob.unlink()
        else:
            blob.write_bytes(blob.read_bytes()[:-9] + b"AAAAAAAA}")
        before = tree(path)
        ran = sign(*arguments)
        assert (ran.code, tree(path)) == (16, before)
        assert first["signature"]["digest"] in ran.err
        assert "--force" in ran.err
        assert signed(*arguments, "--force")["existed"] is False

    def test_signs_again_beside_an_invalid_signature(self, tmp_path: Path) -> None:
        stick = LayoutBuilder()
        image = stick.tag(stick.add_image(), "v1")
        stick.add_referrer(image, b'{"payload":"e30","protected":"e30","header":{},"signature":"AAAA"}')
        path = stick.write_directory(tmp_path / "stick")
        assert signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF))["existed"] is False


FAILURES: dict[str, tuple[str, ...]] = {
    "wrong_nonce": ("replayed",),
    "wrong_imprint": ("other bytes",),
    "rejection": ("rejects",),
    "garbage": ("cannot be read",),
    "oversize": ("1048576 bytes or more",),
    "http_500": ("status 500",),
    "redirect_loop": ("more than 5 times",),
    "other_root": ("no trusted certificate",),
    "no_certificates": ("signing-certificate-v2",),
}


class TestNothingIsAttached:
    @pytest.mark.parametrize("kind", ["directory", "tar", "registry"])
    @pytest.mark.parametrize("mischief", FAILURES)
    def test_where_the_authority_fails(
        self, tmp_path: Path, registry: LoopbackRegistry, tsa: LoopbackTsa, kind: str, mischief: str
    ) -> None:
        path = layout(tmp_path, archive=kind == "tar")
        registry.put_image("app", tag="v1")
        target = f"{registry.host}/app:v1" if kind == "registry" else f"{path}:v1"
        options = [*key_options(tmp_path / "k", LEAF), *tsa_options(tmp_path, tsa)]
        tsa.mischief = mischief
        before = tree(path), dict(registry.repositories["app"].manifests), dict(registry.repositories["app"].blobs)
        ran = sign(target, *options)
        assert ran.code == 1
        assert ran.out == ""
        assert all(words in ran.err for words in FAILURES[mischief]), ran.err
        after = tree(path), dict(registry.repositories["app"].manifests), dict(registry.repositories["app"].blobs)
        assert after == before

    @pytest.mark.parametrize(
        ("deviation", "words"),
        [
            ({"leaf": {"key_usage": None}}, "no key usage"),
            ({"root": {"key": "rsa1024"}}, "RSA-1024"),
            ({"leaf": {"hash_name": "sha1"}}, "SHA-1"),
        ],
    )
    def test_where_the_chain_may_not_sign(self, tmp_path: Path, deviation: dict[str, Any], words: str) -> None:
        path = layout(tmp_path)
        before = tree(path)
        ran = sign(f"{path}:v1", *key_options(tmp_path / "k", Pki().code_chain(**deviation)))
        assert (ran.code, tree(path)) == (1, before)
        assert words in ran.err

    def test_to_any_artifact_where_one_of_several_fails(self, tmp_path: Path) -> None:
        path = layout(tmp_path)
        before = tree(path)
        ran = sign(f"{path}:v1", f"{path}:none", *key_options(tmp_path / "k", LEAF))
        assert (ran.code, tree(path)) == (11, before)

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_where_the_registry_fails(self, tmp_path: Path, registry: LoopbackRegistry, method: str) -> None:
        registry.put_image("app", tag="v1")
        registry.on(method, r"/blobs/uploads/" if method == "POST" else r"/manifests/", answer(500))
        before = dict(registry.repositories["app"].manifests)
        ran = sign(f"{registry.host}/app:v1", "--retries", 0, *key_options(tmp_path / "k", LEAF))
        assert (ran.code, dict(registry.repositories["app"].manifests)) == (1, before)

    def test_where_referrers_cannot_be_listed(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        """ "Could not look" is not "none there" (RULE-6)."""
        registry.put_image("app", tag="v1")
        registry.on("GET", r"/referrers/", error(500, "UNKNOWN"), times=1)
        arguments = [f"{registry.host}/app:v1", "--retries", 0, *key_options(tmp_path / "k", LEAF)]
        before = dict(registry.repositories["app"].manifests)
        assert sign(*arguments).code == 1
        assert dict(registry.repositories["app"].manifests) == before
        assert signed(*arguments)["existed"] is False

    def test_force_signs_where_referrers_cannot_be_listed(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        """Nothing was put, although --force asks for nothing before."""
        registry.put_image("app", tag="v1")
        registry.on("GET", r"/referrers/", error(403, "DENIED"), times=1)
        arguments = [f"{registry.host}/app:v1", "--retries", 0, "--force", *key_options(tmp_path / "k", LEAF)]
        assert signed(*arguments)["listed"] == "referrers API"

    def test_reports_a_signature_that_is_not_listed_afterwards(
        self, tmp_path: Path, registry: LoopbackRegistry
    ) -> None:
        registry.put_image("app", tag="v1")
        asked: list[Any] = []

        def fail_later(handler: Any) -> bool:
            asked.append(handler)
            return len(asked) > 1 and error(500, "UNKNOWN")(handler)

        registry.on("GET", r"/referrers/", fail_later)
        ran = sign(f"{registry.host}/app:v1", "--force", "--retries", 0, *key_options(tmp_path / "k", LEAF))
        assert ran.code == 1
        assert "it cannot be seen that it is listed" in ran.err

    def test_force_says_where_it_cannot_be_seen_that_a_signature_is_listed(
        self, tmp_path: Path, registry: LoopbackRegistry
    ) -> None:
        registry.put_image("app", tag="v1")
        registry.on("GET", r"/referrers/", error(500, "UNKNOWN"))
        ran = sign(f"{registry.host}/app:v1", "--force", "--retries", 0, *key_options(tmp_path / "k", LEAF))
        assert (ran.code, "the referrers of app cannot be listed" in ran.err) == (1, True)
        assert "was put into" in ran.err
        assert [item.path for item in registry.requests("PUT", "/manifests/")]

    def test_the_document_says_why(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        path = layout(tmp_path)
        tsa.mischief = "other_root"
        options = [*key_options(tmp_path / "k", LEAF), *tsa_options(tmp_path, tsa), "--format", "json"]
        document = sign(f"{path}:v1", *options).document
        assert document["signed"] == []
        assert document["problem"]["reason"] == "timestamp.untrusted"
        assert document["exit_code"] == 1


class TestRegistry:
    def test_a_referrer_is_pushed_in_order(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        """MAN-13: envelope, config, manifest by its digest; no tag."""
        registry.put_image("app", tag="v1", layers=(b"x",))
        record = signed(f"{registry.host}/app:v1", *key_options(tmp_path / "k", LEAF))
        assert record["listed"] == "referrers API"
        puts = [seen.path for seen in registry.requests("PUT")]
        assert puts[-1].endswith(record["signature"]["digest"])
        assert registry.repositories["app"].tags.keys() == {"v1"}

    def test_a_registry_without_the_api_gets_the_tag(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        registry.referrers_api = False
        digest = registry.put_image("app", tag="v1")
        record = signed(f"{registry.host}/app:v1", *key_options(tmp_path / "k", LEAF))
        assert record["listed"] == "referrers tag"
        assert registry.repositories["app"].tags.keys() == {"v1", digest.replace(":", "-")}

    def test_the_tag_can_be_forced(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        digest = registry.put_image("app", tag="v1")
        arguments = [f"{registry.host}/app:v1", "--force-referrers-tag", *key_options(tmp_path / "k", LEAF)]
        assert signed(*arguments)["listed"] == "referrers API and referrers tag"
        assert digest.replace(":", "-") in registry.repositories["app"].tags

    def test_credentials_are_used_and_never_shown(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        registry.auth, registry.users = "basic", {"ana": "s3cret-word"}
        registry.put_image("app", tag="v1")
        arguments = [f"{registry.host}/app:v1", *key_options(tmp_path / "k", LEAF)]
        assert sign(*arguments).code == 1
        wrong = sign(*arguments, "-u", "ana", "-p", "wrong-word")
        assert wrong.code == 1
        assert "wrong-word" not in wrong.err
        assert sign(*arguments, "-u", "ana", "-p", "s3cret-word").code == 0

    def test_uses_credentials_of_the_environment(
        self, tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """CLI-7."""
        registry.auth, registry.users = "basic", {"ana": "s3cret-word"}
        registry.put_image("app", tag="v1")
        monkeypatch.setenv("NOTATION_USERNAME", "ana")
        monkeypatch.setenv("NOTATION_PASSWORD", "s3cret-word")
        assert sign(f"{registry.host}/app:v1", *key_options(tmp_path / "k", LEAF)).code == 0

    def test_neither_tag_nor_digest_is_a_usage_error(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        assert sign(f"{registry.host}/app", *key_options(tmp_path / "k", LEAF)).code == 2


class TestUsage:
    @pytest.mark.parametrize(
        "options",
        [
            ["--expiry", "soon"],
            ["--expiry", "1500ms"],
            ["-m", "io.cncf.notary.x=y"],
            ["-m", "novalue"],
            ["--timestamp-url", "http://127.0.0.1:9/"],
            ["--timestamp-url", "file:///etc/passwd", "--timestamp-root-cert", "ROOT"],
            ["--timestamp-url", "http://127.0.0.1:9/", "--timestamp-root-cert", "LEAF"],
            ["--timestamp-url", "http://127.0.0.1:9/", "--timestamp-root-cert", "BOTH"],
            ["--timestamp-url", "http://127.0.0.1:9/", "--timestamp-root-cert", "/none"],
            ["-k", "another"],
            ["-u", "ana"],
        ],
        ids=" ".join,
    )
    def test_contradictory_options_are_refused(self, tmp_path: Path, options: list[str]) -> None:
        """CLI-2, CLI-3, CLI-4, PAY-5."""
        root = Pki().tsa_chain()
        files = {"ROOT": root.root.pem, "LEAF": root.pem, "BOTH": root.root.pem + root.pem}
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        given = [str(tmp_path / option) if option in files else option for option in options]
        path = layout(tmp_path)
        before = tree(path)
        ran = sign(f"{path}:v1", *key_options(tmp_path / "k", LEAF), *given)
        assert (ran.code, tree(path)) == (2, before), ran

    def test_no_key_is_refused(self, tmp_path: Path) -> None:
        ran = sign(f"{layout(tmp_path)}:v1")
        assert ran.code == 11
        assert "airgap key add" in ran.err


def test_signing_in_a_layout_loads_no_network_code(tmp_path: Path) -> None:
    """A site's own key on the far side."""
    script = (
        "import sys, runpy, atexit\n"
        "atexit.register(lambda: sys.stderr.write('LOADED ' + ' '.join(sys.modules)))\n"
        f"sys.argv = {['airgap', 'sign', str(layout(tmp_path)), *key_options(tmp_path / 'k', LEAF)]!r}\n"
        "runpy.run_module('airgap', run_name='__main__')\n"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert "Successfully signed" in done.stdout, done.stderr
    loaded = set(done.stderr.rpartition("LOADED ")[2].split())
    assert not loaded & {"requests", "urllib3", "oras", "http.client", "ssl"}


# airgap timestamp


class TestTimestampAdd:
    @pytest.mark.parametrize("kind", ["directory", "tar", "registry with API", "registry without API"])
    @pytest.mark.parametrize("form", ["jws", "cose"])
    def test_attaches_a_copy_with_a_timestamp(
        self, tmp_path: Path, registry: LoopbackRegistry, tsa: LoopbackTsa, kind: str, form: str
    ) -> None:
        transport = prepared(kind, tmp_path, registry)
        target = transport.name("p256")
        first = signed(target, "--signature-format", form, *key_options(tmp_path / "k", LEAF), "-m", "a=b")
        ran = self.add(target, *tsa_options(tmp_path, tsa))
        (record,) = ran.document["signatures"]
        assert record["state"] == "stamped"
        assert record["before"]["digest"] == first["signature"]["digest"]
        assert record["after"]["digest"] != first["signature"]["digest"]
        options = trust(tmp_path, tsa=tsa.issued)
        verified = run_here(["verify", f"{transport.bring()}", *options, "--format", "json"])
        artifact = next(item for item in verified.document["artifacts"] if item["signatures"])
        by_digest = {item["digest"]: item for item in artifact["signatures"]}
        assert by_digest[record["after"]["digest"]]["verdict"] == "pass"
        assert by_digest[record["before"]["digest"]]["verdict"] == "fail"  # it has no timestamp: TS-3
        assert by_digest[record["after"]["digest"]]["metadata"] == {"a": "b"}

    def test_adds_no_second_timestamp(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        path = layout(tmp_path)
        signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF))
        self.add(f"{path}:v1", *tsa_options(tmp_path, tsa))
        before = tree(path)
        records = self.add(f"{path}:v1", *tsa_options(tmp_path, tsa)).document["signatures"]
        assert {record["state"] for record in records} == {"has a timestamp", "has a stamped copy"}
        assert tree(path) == before
        assert len(tsa.queries) == 1

    @pytest.mark.parametrize("about", [None, b"another value"])
    def test_replaces_what_is_no_timestamp_of_the_signature(
        self, tmp_path: Path, tsa: LoopbackTsa, about: bytes | None
    ) -> None:
        """TS-11: a carrier of an envelope can put anything into its unsigned header."""
        scene = Scene(signatures=[Signature("jws", LEAF)])
        scene.signature.token = lambda _: b"0" if about is None else token(tsa.issued, about)
        written = scene.write(tmp_path)
        (record,) = self.add(written.target, *tsa_options(tmp_path, tsa)).document["signatures"]
        assert record["state"] == "stamped"

    def test_adds_a_timestamp_to_the_named_signature_only(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        path = layout(tmp_path)
        keys = key_options(tmp_path / "k", LEAF)
        first = signed(f"{path}:v1", *keys)["signature"]["digest"]
        signed(f"{path}:v1", *keys, "-m", "a=b")
        records = self.add(f"{path}:v1", "--signature", first, *tsa_options(tmp_path, tsa)).document["signatures"]
        assert [record["before"]["digest"] for record in records] == [first]

    def test_an_unsigned_artifact_is_not_found(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        path = layout(tmp_path)
        ran = run_here(["timestamp", "add", f"{path}:v1", *tsa_options(tmp_path, tsa)])
        assert ran.code == 11
        assert "no signature" in ran.err

    def test_an_unreadable_signature_stops_unless_another_is_named(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        path = layout(tmp_path)
        keys = key_options(tmp_path / "k", LEAF)
        bad = signed(f"{path}:v1", *keys)["envelope"]["digest"].removeprefix("sha256:")
        good = signed(f"{path}:v1", *keys, "-m", "a=b")["signature"]["digest"]
        blob = path / "blobs" / "sha256" / bad
        blob.chmod(0o600)
        blob.write_bytes(bytes(blob.stat().st_size))
        arguments = [f"{path}:v1", *tsa_options(tmp_path, tsa)]
        ran = run_here(["timestamp", "add", *map(str, arguments)])
        assert (ran.code, tsa.queries) == (16, [])
        assert bad in ran.err
        (record,) = self.add(*arguments, "--signature", good).document["signatures"]
        assert record["state"] == "stamped"

    def test_skips_a_signature_whose_chain_may_not_sign(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        good, bad = Signature("jws", LEAF), Signature("jws", Pki().code_chain(leaf={"key_usage": None}))
        written = Scene(signatures=[good, bad]).write(tmp_path)
        records = self.add(written.target, *tsa_options(tmp_path, tsa)).document["signatures"]
        assert sorted(record["state"] for record in records) == ["does not verify", "stamped"]
        assert len(tsa.queries) == 1

    def test_keeps_annotations_of_others(self, tmp_path: Path, tsa: LoopbackTsa) -> None:
        """MAN-9."""
        annotations = {"com.example.ticket": "17", "org.opencontainers.image.created": "2020-01-01T00:00:00Z"}
        written = Scene(signatures=[Signature("cose", LEAF, manifest={"annotations": annotations})]).write(tmp_path)
        (record,) = self.add(written.target, *tsa_options(tmp_path, tsa)).document["signatures"]
        path = written.layout / "blobs" / "sha256" / record["after"]["digest"].removeprefix("sha256:")
        made = json.loads(path.read_bytes())["annotations"]
        assert made["com.example.ticket"] == "17"
        assert made["org.opencontainers.image.created"] != annotations["org.opencontainers.image.created"]

    @pytest.mark.parametrize("mischief", FAILURES)
    def test_attaches_nothing_where_the_authority_fails(self, tmp_path: Path, tsa: LoopbackTsa, mischief: str) -> None:
        path = layout(tmp_path)
        signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF))
        before = tree(path)
        tsa.mischief = mischief
        ran = run_here(["timestamp", "add", f"{path}:v1", *tsa_options(tmp_path, tsa)])
        assert (ran.code, tree(path)) == (1, before)

    @pytest.mark.parametrize("options", [[], ["--timestamp-url", "http://127.0.0.1:9/"], ["--signature", "x"]])
    def test_contradictory_options_are_refused(self, tmp_path: Path, options: list[str]) -> None:
        assert run_here(["timestamp", "add", f"{layout(tmp_path)}:v1", *options]).code == 2

    @staticmethod
    def add(*arguments: object) -> Ran:
        ran = run_here(["timestamp", "add", *map(str, arguments), "--format", "json"])
        assert ran.code == 0, ran
        return ran


# airgap key


class TestKey:
    def test_generates_a_key_signs_and_verifies(self, tmp_path: Path) -> None:
        """Make a test key, trust its root, sign, verify: each a process of its own."""
        path, keys = layout(tmp_path), ["--key-config", str(tmp_path / "keys")]
        directory = trust(tmp_path)
        made = run_process(["key", "generate", "demo", *directory, "--store", "harbour", *keys])
        assert made.code == 0, made
        assert "TEST" in made.out
        assert run_process(["sign", f"{path}:v1", *keys]).code == 0
        assert run_process(["verify", str(path), *directory]).code == 0

    @pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
    def test_a_generated_key_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        assert self.key("generate", "demo", folder=tmp_path).code == 0
        assert (tmp_path / "localkeys").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "localkeys" / "demo.key").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "signingkeys.json").stat().st_mode & 0o777 == 0o600

    def test_refuses_a_name_that_leads_elsewhere(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        ran = self.key("generate", "../demo", folder=folder)
        assert (ran.code, "cannot name files" in ran.err) == (2, True), ran
        assert not folder.exists()

    def test_replaces_no_existing_file(self, tmp_path: Path) -> None:
        self.key("generate", "demo", folder=tmp_path)
        before = tree(tmp_path)
        assert self.key("generate", "demo", folder=tmp_path).code == 2
        assert self.key("delete", "demo", folder=tmp_path).code == 0
        assert self.key("generate", "demo", folder=tmp_path).code == 2  # its files are still there
        left = tree(tmp_path)
        assert {name: left[name] for name in before if name.startswith("localkeys")} == {
            name: data for name, data in before.items() if name.startswith("localkeys")
        }

    def test_refuses_to_generate_a_key_whose_root_cannot_be_trusted(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        ran = self.key("generate", "demo", "--trust", str(tmp_path / "none"), "--store", "s", folder=folder)
        assert ran.code == 11
        assert not folder.exists()

    @pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
    def test_refuses_a_store_that_is_a_link(self, tmp_path: Path) -> None:
        """STORE-4."""
        store = tmp_path / "trust" / "truststore" / "x509" / "ca" / "s"
        store.parent.mkdir(parents=True)
        (tmp_path / "elsewhere").mkdir()
        store.symlink_to(tmp_path / "elsewhere")
        options = ["--trust", str(tmp_path / "trust"), "--store", "s"]
        assert self.key("generate", "demo", *options, folder=tmp_path / "keys").code == 2
        assert not list((tmp_path / "elsewhere").iterdir())

    def test_refuses_to_add_a_key_of_another_chain(self, tmp_path: Path) -> None:
        option, key_path, *_ = key_options(tmp_path / "other", Pki().code_chain("p384"))
        _, _, *chain = key_options(tmp_path / "files", LEAF)
        folder = tmp_path / "keys"
        assert self.key("add", "a", option, key_path, *chain, folder=folder).code != 0
        assert not folder.exists()

    def test_adds_lists_and_deletes_keys(self, tmp_path: Path) -> None:
        files = key_options(tmp_path / "files", LEAF)
        folder = tmp_path / "keys"
        assert self.key("add", "a", *files, folder=folder).code == 0
        remote = ["--plugin", "azure-kv", "--id", "https://v/1", "--plugin-config", "x=y"]
        assert self.key("add", "b", *remote, folder=folder).code == 0
        listed = self.key("list", "--format", "json", folder=folder).document["keys"]
        assert [(key["name"], key["default"], key["kind"]) for key in listed] == [
            ("a", True, "files"),
            ("b", False, "plugin azure-kv"),
        ]
        assert self.key("default", "b", folder=folder).code == 0
        assert "*  b" in self.key("list", folder=folder).out
        assert self.key("delete", "a", "b", folder=folder).code == 0
        assert "no signing keys" in self.key("list", folder=folder).out
        assert Path(files[1]).exists()

    def test_delete_is_all_or_nothing(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        self.key("add", "a", *key_options(tmp_path / "files", LEAF), folder=folder)
        before = tree(folder)
        assert self.key("delete", "a", "none", folder=folder).code == 11
        assert tree(folder) == before

    def test_a_chain_that_may_not_sign_is_not_added(self, tmp_path: Path) -> None:
        bad = key_options(tmp_path / "files", Pki().code_chain(leaf={"key_usage": None}))
        ran = self.key("add", "a", *bad, folder=tmp_path / "keys")
        assert ran.code == 1
        assert "no key usage" in ran.err
        assert not (tmp_path / "keys").exists()

    @pytest.mark.parametrize(
        "options", [[], ["--private-key", "x"], ["--plugin", "x"], ["--plugin", "x", "--id", "1", "--chain", "c"]]
    )
    def test_half_a_key_is_a_usage_error(self, tmp_path: Path, options: list[str]) -> None:
        assert self.key("add", "a", *options, folder=tmp_path).code == 2

    @pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
    def test_refuses_a_key_file_that_others_may_read(self, tmp_path: Path) -> None:
        options = key_options(tmp_path / "k", LEAF)
        Path(options[1]).chmod(0o640)
        path = layout(tmp_path)
        before = tree(path)
        ran = sign(f"{path}:v1", *options)
        assert (ran.code, tree(path)) == (1, before)
        assert "mode 0640" in ran.err

    def test_notations_keys_are_used_and_not_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """CLI-9."""
        options = key_options(tmp_path / "k", LEAF)
        notation = tmp_path / "notation"
        notation.mkdir()
        entry = {"name": "theirs", "keyPath": options[1], "certPath": options[3]}
        config = notation / "signingkeys.json"
        config.write_text(json.dumps({"default": "theirs", "keys": [entry]}))
        monkeypatch.setenv("NOTATION_CONFIG", str(notation))
        before = tree(notation)
        path = layout(tmp_path)
        assert sign(f"{path}:v1").code == 0
        assert run_here(["key", "delete", "theirs"]).code == 2
        assert run_here(["key", "default", "theirs"]).code == 0
        assert tree(notation) == before

    @pytest.mark.parametrize("way", ["file", "environment"])
    def test_signs_with_an_encrypted_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
        word = tmp_path / "word"
        word.write_text("correct horse\n")
        word.chmod(0o600)
        keys = tmp_path / "keys"
        assert self.key("generate", "demo", "--passphrase-file", str(word), folder=keys).code == 0
        assert b"ENCRYPTED" in (keys / "localkeys" / "demo.key").read_bytes()
        path = layout(tmp_path)
        options = ["--key-config", str(keys)]
        without = sign(f"{path}:v1", *options)
        assert without.code == 1
        assert "is encrypted" in without.err
        if way == "file":
            options += ["--passphrase-file", str(word)]
        else:
            monkeypatch.setenv("AIRGAP_KEY_PASSPHRASE", "correct horse")
        ran = sign(f"{path}:v1", *options)
        assert ran.code == 0, ran
        assert "correct horse" not in ran.out + ran.err

    def test_no_key_is_ever_shown(self, tmp_path: Path) -> None:
        """Whatever goes wrong, with --debug, too."""
        options = key_options(tmp_path / "k", LEAF)
        pieces = [line for line in pem(LEAF.key).decode().splitlines() if "-----" not in line]
        path = layout(tmp_path)
        for more in ([], ["--debug"], ["--debug", "-m", "io.cncf.notary=x"], ["--debug", "--timestamp-url", "x"]):
            ran = sign(f"{path}:v1", *options, *more)
            assert not any(piece in ran.out + ran.err for piece in pieces)

    @staticmethod
    def key(*arguments: str, folder: Path) -> Ran:
        ran = run_here(["key", *arguments, "--key-config", str(folder)])
        assert "Traceback" not in ran.err + ran.out, ran
        return ran


def test_the_subject_of_a_signature_is_what_was_signed(tmp_path: Path) -> None:
    """MAN-6, PAY-3: media type, digest and size, and the metadata that was asked for; nothing that an entry hints."""
    import base64

    path = layout(tmp_path)
    record = signed(f"{path}:v1", *key_options(tmp_path / "k", LEAF), "-m", "a=b")
    blob = (path / "blobs" / "sha256" / record["envelope"]["digest"].removeprefix("sha256:")).read_bytes()
    payload = json.loads(blob)["payload"]
    target = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["targetArtifact"]
    artifact = record["artifact"]
    assert target == {
        "mediaType": artifact["media_type"],
        "digest": artifact["digest"],
        "size": artifact["size"],
        "annotations": {"a": "b"},
    }
    assert isinstance(Descriptor.from_json(target), Descriptor)
