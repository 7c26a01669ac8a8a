"""What a copy may write to: ambiguous destinations are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import UsageError
from airgap.oci.reference import LayoutReference, RegistryReference, local_reference
from airgap.transfer.destinations import RegistryPrefix, is_tar, parse_destination


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: two folders, a layout with a dot in its name, a tar."""
    monkeypatch.chdir(tmp_path)
    for name in ("sub", "sub.dir", "old.v1", "old.tar.gz"):
        (tmp_path / name).mkdir()
    (tmp_path / "here.tar").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "path", "tag"),
    [
        ("out", "out", None),
        ("out/", "out/", None),
        ("sub/out", "sub/out", None),
        ("./out", "./out", None),
        ("./out:v1", "./out", "v1"),
        ("./registry.site.local", "./registry.site.local", None),
        ("../out.d", "../out.d", None),
        ("/srv/out:v1", "/srv/out", "v1"),
        ("C:\\stick\\out:v1", "C:\\stick\\out", "v1"),
        ("oci:out:v1", "out", "v1"),
        ("oci:registry.site.local", "registry.site.local", None),
        ("oci:x.tar.gz", "x.tar.gz", None),
        ("old.v1", "old.v1", None),
        ("old.v1:new", "old.v1", "new"),
        ("sub:v1", "sub", "v1"),
        ("old.tar.gz", "old.tar.gz", None),
    ],
)
def test_recognises_a_folder(text: str, path: str, tag: str | None) -> None:
    reference = parse_destination(text)
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag) == (path, tag)
    assert not is_tar(reference)


@pytest.mark.parametrize(
    ("text", "path", "tag"),
    [
        ("trip.tar", "trip.tar", None),
        ("trip.tar:v1", "trip.tar", "v1"),
        ("sub/trip.tar", "sub/trip.tar", None),
        ("new/trip.tar", "new/trip.tar", None),
        ("TRIP.TAR", "TRIP.TAR", None),
        ("./Trip.Tar", "./Trip.Tar", None),
        ("here.tar:v1", "here.tar", "v1"),
        ("oci-archive:x.tar.gz", "x.tar.gz", None),
    ],
)
def test_recognises_a_tar(text: str, path: str, tag: str | None) -> None:
    reference = parse_destination(text)
    assert isinstance(reference, LayoutReference)
    assert (reference.path, reference.tag) == (path, tag)
    assert is_tar(reference)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("registry.example/app:v1", "registry.example/app:v1"),
        ("localhost:5117/app", "localhost:5117/app"),
        ("localhost/app", "localhost/app"),
        ("[::1]:5000/app", "[::1]:5000/app"),
        ("oci://registry.example/charts/app:1.2.3", "registry.example/charts/app:1.2.3"),
        ("docker://registry.example/app", "registry.example/app"),
    ],
)
def test_recognises_a_repository(text: str, meant: str) -> None:
    reference = parse_destination(text)
    assert isinstance(reference, RegistryReference)
    assert str(reference) == meant


@pytest.mark.parametrize(
    "text",
    [
        "nginx:1.27",
        "v1.2",
        "1.27",
        "192.168.0.1",
        "out:v1",
        "out.d",
        "sub/out:v1",
        "sub/out.d",
        "sub.dir/out",
        f"out@sha256:{'0' * 64}",
    ],
)
def test_refuses_what_may_be_a_folder_or_a_registry(text: str, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="a new folder or as the name of a registry") as caught:
        parse_destination(text)
    assert f"./{text}" in caught.value.remedy
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("registry.site.local", "registry.site.local"),
        ("registry.site.local/", "registry.site.local"),
        ("ghcr.io", "ghcr.io"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("host:5000/", "host:5000"),
        ("localhost", "localhost"),
        ("localhost:5117", "localhost:5117"),
        ("oci://registry.example", "registry.example"),
        ("docker://registry.example/", "registry.example"),
    ],
)
def test_recognises_a_registry_without_a_repository(text: str, registry: str) -> None:
    assert parse_destination(text) == RegistryPrefix(registry)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("ghcr.io/team/", RegistryPrefix("ghcr.io", "team")),
        ("oci://localhost:5000/a/b/", RegistryPrefix("localhost:5000", "a/b")),
    ],
)
def test_path_with_a_slash_at_its_end_is_a_prefix(text: str, prefix: RegistryPrefix) -> None:
    assert parse_destination(text) == prefix


def test_an_existing_path_is_not_a_registry(folder: Path) -> None:
    (folder / "ghcr.io").mkdir()
    assert isinstance(parse_destination("ghcr.io"), LayoutReference)


@pytest.mark.parametrize("text", ["oci://tmp/x/app:1.2.3", "docker://app", "new/out", "team/app"])
def test_refuses_other_names(text: str) -> None:
    with pytest.raises(UsageError, match="neither a file or directory here nor the name"):
        parse_destination(text)


@pytest.mark.parametrize("text", ["new.tar", "NEW.TAR:v1", "new.tar@sha256:" + "0" * 64])
def test_the_name_of_a_tar_is_no_registry(text: str) -> None:
    """A mistyped source was asked for as a registry: airgap ls nope.tar."""
    reference = local_reference(text, exists=lambda _: False)
    assert reference is not None
    assert reference.path.lower() == "new.tar"
    assert local_reference("registry.example/app.tar", exists=lambda _: False) is None


def test_the_name_of_a_tar_with_a_slash_is_refused(folder: Path) -> None:
    for text in ("new.tar/", "./new.TAR/"):
        with pytest.raises(UsageError, match="has the name of a tar, and ends as a folder"):
            parse_destination(text)
    (folder / "new.tar").mkdir()
    assert parse_destination("new.tar/") == LayoutReference(path="new.tar/")


@pytest.mark.parametrize("text", ["docker-daemon:app:v1", "docker-archive:x.tar", "dir:x"])
def test_names_the_way_to_what_skopeo_alone_writes(text: str, folder: Path) -> None:
    """The remedy was that for a source: to convert it with skopeo."""
    with pytest.raises(UsageError, match="is no registry, layout or tar") as caught:
        parse_destination(text)
    assert f"skopeo copy oci:DIRECTORY:TAG {text}" in caught.value.remedy
    (folder / text.partition(":")[0]).mkdir()
    assert isinstance(parse_destination(text), LayoutReference), "what is here is meant"


@pytest.mark.parametrize(
    "text", ["x.tar.gz", "x.TGZ", "./x.tar.zst:v1", "/srv/x.zip", "sub/x.tar.xz", "x.tbz2", "x.7z", "x.tar.lz4"]
)
def test_packed_files_are_not_written(text: str) -> None:
    with pytest.raises(UsageError, match=r"a copy is a folder or a \.tar"):
        parse_destination(text)
