from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.errors import UsageError
from airgap.oci.digest import Digest
from airgap.oci.reference import LayoutReference, RegistryReference, parse_reference, parse_registry_reference

DIGEST = Digest.of(b"x")
SHA512 = Digest.of(b"x", "sha512")


def on_disk(*paths: str) -> Callable[[str], bool]:
    return frozenset(paths).__contains__


NOTHING = on_disk()


@pytest.mark.parametrize(
    ("text", "path", "tag", "digest"),
    [
        ("oci:layout", "layout", None, None),
        ("oci:layout:v1", "layout", "v1", None),
        (f"oci:layout@{DIGEST}", "layout", None, DIGEST),
        (f"oci:layout@{SHA512}", "layout", None, SHA512),
        ("oci:/a/b/layout:reg.example/app:v1", "/a/b/layout", "reg.example/app:v1", None),
        ("oci:../x/layout:v1", "../x/layout", "v1", None),
        (r"oci:C:\stick\layout:v1", r"C:\stick\layout", "v1", None),
        ("oci:C:/stick/layout", "C:/stick/layout", None, None),
        ("oci:me@home", "me@home", None, None),
        ("oci-archive:bundle.tar:v1", "bundle.tar", "v1", None),
        (f"oci-archive:bundle.tar@{DIGEST}", "bundle.tar", None, DIGEST),
        (r"C:\stick\layout:v1", r"C:\stick\layout", "v1", None),
        (r"C:\stick\layout", r"C:\stick\layout", None, None),
        (r"layouts\app:v1", r"layouts\app", "v1", None),
        (rf"\\server\share\layout@{DIGEST}", r"\\server\share\layout", None, DIGEST),
        ("./new:v1", "./new", "v1", None),
        ("/new", "/new", None, None),
        (".", ".", None, None),
    ],
)
def test_layout_that_does_not_exist_yet(text: str, path: str, tag: str | None, digest: Digest | None) -> None:
    """Decision 0025; a copy's destination may not exist."""
    reference = parse_reference(text, NOTHING)
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag, reference.digest) == (path, tag, digest)
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "disk", "path", "tag"),
    [
        ("layout", ["layout"], "layout", None),
        ("layout:v1", ["layout"], "layout", "v1"),
        ("layout:reg.example:5000/app:v1", ["layout"], "layout", "reg.example:5000/app:v1"),
        ("stick:2026/layout:v1", ["stick:2026/layout"], "stick:2026/layout", "v1"),
        ("me@home/layout:v1", ["me@home/layout"], "me@home/layout", "v1"),
        ("bundle.tar:v1", ["bundle.tar"], "bundle.tar", "v1"),
        ("registry.example/repo:v1", ["registry.example/repo"], "registry.example/repo", "v1"),
        (r"C:\stick\layout:v1", [r"C:\stick\layout"], r"C:\stick\layout", "v1"),
        (r"C:\stick\layout", ["C", r"C:\stick\layout"], r"C:\stick\layout", None),
        ("oci:a:b:c", ["a:b"], "a:b", "c"),
        ("oci:dir", ["oci", "dir"], "dir", None),
    ],
)
def test_an_existing_path_counts_before_a_tag(text: str, disk: list[str], path: str, tag: str | None) -> None:
    reference = parse_reference(text, on_disk(*disk))
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag) == (path, tag)
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "path", "tag"),
    [
        ("closed/good", "closed/good", None),
        ("closed/good:v1", "closed/good", "v1"),
        ("closed.example/good:v1", "closed.example/good", "v1"),
    ],
)
def test_a_path_below_a_folder_without_rights_is_no_name_in_a_registry(text: str, path: str, tag: str | None) -> None:
    """What may not be looked at is not absent: opening it says why it cannot be read."""

    def closed(name: str) -> bool | None:
        return None if "/" in name else name.startswith("closed") and ":" not in name

    reference = parse_reference(text, closed)
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag) == (path, tag)


def test_a_registry_can_be_named_in_a_current_folder_without_rights() -> None:
    assert isinstance(parse_reference("closed.example/good:v1", lambda _: None), RegistryReference)


def test_the_colon_of_a_drive_does_not_end_a_path() -> None:
    reference = parse_reference(r"C:\gone:v1", on_disk("C"))
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag) == (r"C:\gone", "v1")


def test_a_digest_counts_before_a_tag() -> None:
    """NEG-155: a pinned digest must not be ignored for the tag beside it."""
    reference = parse_reference(f"oci:layout:v1@{DIGEST}", NOTHING)
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag, reference.digest) == ("layout", None, DIGEST)


def test_full_reference_with_digest_stays_a_tag() -> None:
    """LAYOUT-6: free-form content."""
    reference = parse_reference(f"oci:layout:reg.example/app@{DIGEST}", NOTHING)
    assert isinstance(reference, LayoutReference)
    assert reference.tag == f"reg.example/app@{DIGEST}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("registry.example/repo:tag", "registry.example", "repo", "tag", None),
        (f"registry.example/repo@{DIGEST}", "registry.example", "repo", None, DIGEST),
        (f"registry.example/repo:tag@{DIGEST}", "registry.example", "repo", "tag", DIGEST),
        ("registry.example:5000/a/b__c/d.e-f:V_1", "registry.example:5000", "a/b__c/d.e-f", "V_1", None),
        ("localhost/repo", "localhost", "repo", None, None),
        ("localhost:5000/repo", "localhost:5000", "repo", None, None),
        ("[::1]:5000/repo", "[::1]:5000", "repo", None, None),
        ("docker.io/library/alpine:3", "docker.io", "library/alpine", "3", None),
    ],
)
def test_registry_reference(text: str, registry: str, repository: str, tag: str | None, digest: Digest | None) -> None:
    reference = parse_reference(text, NOTHING)
    assert isinstance(reference, RegistryReference)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == (
        registry,
        repository,
        tag,
        digest,
    )
    assert str(reference) == text
    assert reference.name == f"{registry}/{repository}"


@pytest.mark.parametrize("text", ["docker.io/alpine:3", "docker://docker.io/alpine:3", "docker.io/library/alpine:3"])
def test_official_images_of_docker_hub(text: str) -> None:
    assert str(parse_reference(text, NOTHING)) == "docker.io/library/alpine:3"


@pytest.mark.parametrize("text", ["docker.io/me/app:3", "registry.example/alpine:3"])
def test_keeps_the_names_of_other_images(text: str) -> None:
    assert str(parse_reference(text, NOTHING)) == text


@pytest.mark.parametrize("scheme", ["docker://", "oci://"])
def test_scheme_of_a_registry_is_dropped(scheme: str) -> None:
    """As skopeo writes it, and as Helm and Flux do."""
    assert str(parse_reference(f"{scheme}registry.example/repo:1", lambda _: True)) == "registry.example/repo:1"


@pytest.mark.parametrize("scheme", ["docker://", "oci://"])
def test_refuses_a_name_with_a_scheme_in_a_layout(scheme: str) -> None:
    with pytest.raises(UsageError):
        parse_registry_reference(f"{scheme}registry.example/repo:1")


def test_three_slashes_are_a_path() -> None:
    reference = parse_reference("oci:///srv/layout:v1", NOTHING)
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag) == ("///srv/layout", "v1")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("alpine", id="no-registry"),
        pytest.param("alpine:3", id="no-registry-with-tag"),
        pytest.param("library/alpine:3", id="no-host"),
        pytest.param("registry.example/Repo", id="DIST-1-upper-case"),
        pytest.param("registry.example/a//b", id="DIST-1-empty-part"),
        pytest.param("registry.example/a..b", id="DIST-1-two-dots"),
        pytest.param("registry.example/../b", id="DIST-1-traversal"),
        pytest.param("registry.example/repo:" + "t" * 129, id="DIST-1-long-tag"),
        pytest.param("registry.example/repo:.t", id="DIST-1-tag-starts-with-dot"),
        pytest.param("registry.example/repo:", id="empty-tag"),
        pytest.param("registry.example/repo@sha256:short", id="bad-digest"),
        pytest.param("registry.example/" + "r" * 250, id="DIST-1-long-name"),
        pytest.param("https://registry.example/repo", id="url"),
        pytest.param("-registry.example/repo", id="like-an-option"),
        pytest.param("a\0b", id="nul"),
        pytest.param("oci:", id="no-path"),
        pytest.param("oci:layout:", id="no-tag-behind-the-colon"),
        pytest.param("oci::v1", id="tag-without-path"),
        pytest.param("x" * 10000, id="endless"),
    ],
)
def test_refuses_malformed_references_with_the_known_forms(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_reference(text, NOTHING)
    assert caught.value.remedy


def test_advises_skopeo_for_a_docker_archive() -> None:
    with pytest.raises(UsageError, match="docker-archive: source") as caught:
        parse_reference("docker-archive:x.tar", NOTHING)
    assert "skopeo" in caught.value.remedy


def test_message_shows_no_control_characters() -> None:
    with pytest.raises(UsageError) as caught:
        parse_reference("\x1b[2Jx", NOTHING)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("oci:layout", ("v1", "v2"), "oci:layout:v1"),
        ("oci:layout:v2", ("v1", "v2"), "oci:layout:v2"),
        ("oci:layout", (), f"oci:layout@{DIGEST}"),
        (f"oci:layout@{DIGEST}", ("v1",), f"oci:layout@{DIGEST}"),
        ("oci:layout:v1", ("reg.example/app:v1",), "oci:layout:reg.example/app:v1"),
    ],
)
def test_writes_a_reference_that_can_be_typed(text: str, tags: tuple[str, ...], expected: str) -> None:
    reference = parse_reference(text, NOTHING)
    assert isinstance(reference, LayoutReference)
    assert reference.naming(tags, DIGEST) == expected


@pytest.mark.parametrize("text", ["oci:stick:v1@sha256:" + "a" * 64, "oci-archive:a:b.tar@sha256256:c5c5"])
def test_writes_a_tag_with_a_digest_as_typed(text: str) -> None:
    """It may be the whole name of an entry: who reads it again has to hold it against that, too."""
    found = parse_reference(text, lambda _: False)
    assert str(found) == text
    assert parse_reference(str(found), lambda _: False) == found


@pytest.mark.parametrize(
    ("folder", "text", "other"),
    [
        ("medium", "oci:current/../L:v1", "medium/L"),
        ("medium/current", "oci:../L:v1", "medium/L"),
        ("medium/current", "../L", "medium/L"),
        ("medium/current", "oci:../new:v1", "medium/new"),
        ("medium/current", "oci-archive:../x.tar:v1", "medium/x.tar"),
        ("medium", "current/../only:v1", None),
        ("medium/releases/7", "../L:v1", None),
        ("medium", "releases/../L:v1", None),
    ],
)
def test_refuses_dots_behind_a_link_that_lead_to_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, text: str, other: str | None
) -> None:
    """skopeo takes `..` out as text, and goes by $PWD: it opened another layout than the one that was verified,

    or, where the path was that of a copy, than the one that was written.
    """
    for name in ("L", "new", "releases/7", "releases/L", "releases/only"):
        (tmp_path / "medium" / name).mkdir(parents=True)
    (tmp_path / "medium/current").symlink_to("releases/7")
    for name in ("x.tar", "releases/x.tar"):
        (tmp_path / "medium" / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.setenv("PWD", str(tmp_path / folder))
    if other is None:
        parse_reference(text)
        return
    with pytest.raises(UsageError) as error:
        parse_reference(text)
    assert f"'{tmp_path / 'medium/releases'}" in str(error.value)
    assert f"'{tmp_path / other}'" in str(error.value)
    monkeypatch.setenv("PWD", str(tmp_path))
    if folder != "medium":
        parse_reference(text)  # $PWD is no name of this folder: then no tool uses it
