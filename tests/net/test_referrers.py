""" "None there" and "could not look" are two answers (RULE-6; DIST-5 to 9; MAN-20 to 23)."""

from __future__ import annotations

import json

import pytest

from airgap.errors import AirgapError, NotFoundError
from airgap.net.transport_errors import AuthenticationError, RegistryError, TransportError
from airgap.oci.digest import Digest
from airgap.oci.lookup import Mechanism
from airgap.oci.tags import referrers_tag
from airgap.transfer.endpoint import FoundReferrers
from tests.support.net import Diary, store
from tests.support.registry import INDEX, LoopbackRegistry, answer, digest_of, error, reset

NOTARY = "application/vnd.cncf.notary.signature"
SBOM = "application/spdx+json"


@pytest.fixture
def subject(registry: LoopbackRegistry) -> Digest:
    return Digest.parse(registry.put_image("app", tag="v1"))


def _sign(registry: LoopbackRegistry, subject: Digest, number: int = 0, artifact_type: str = NOTARY) -> str:
    return registry.put_image(
        "app",
        layers=(f"signature {number}".encode(),),
        subject=str(subject),
        artifact_type=artifact_type,
        annotations={"number": str(number)},
    )


def _tag(registry: LoopbackRegistry, subject: Digest, *entries: str) -> None:
    registry.put_index("app", entries, tag=referrers_tag(subject))


def _how(found: FoundReferrers) -> tuple[str | None, int | None, int | None]:
    return found.lookup.mechanism, found.lookup.api_status, found.lookup.tag_status


def test_the_api_lists_referrers(registry: LoopbackRegistry, subject: Digest) -> None:
    signature = _sign(registry, subject)
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert [str(entry.descriptor.digest) for entry in answered.all()] == [signature]
    assert answered.all()[0].artifact_type == NOTARY
    assert answered.all()[0].descriptor.annotations == {"number": "0"}
    assert (answered.lookup.mechanism, answered.lookup.api_status, answered.lookup.tag_status) == (
        Mechanism.API,
        200,
        None,
    )
    assert answered.lookup.listed == 1


def test_an_empty_list_of_the_api_is_an_answer(registry: LoopbackRegistry, subject: Digest) -> None:
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert answered.all() == ()
    assert answered.lookup.mechanism is Mechanism.API
    assert registry.requests("GET", "/manifests/") == []  # no look at the tag: the API has answered


def test_all_pages_are_read(registry: LoopbackRegistry, subject: Digest) -> None:
    """MAN-23"""
    signatures = {_sign(registry, subject, number) for number in range(7)}
    registry.page_size = 2
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert {str(entry.descriptor.digest) for entry in answered.all()} == signatures


def test_counts_an_entry_on_two_pages_once(registry: LoopbackRegistry, subject: Digest) -> None:
    signature = _sign(registry, subject)
    page = json.dumps(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": [registry.descriptor("app", signature)]}
    ).encode()
    link = f'<{registry.url}/v2/app/referrers/{subject}?next=1>; rel="next"'
    registry.on("GET", "/referrers/", answer(200, page, Content_Type=INDEX, Link=link), times=1)
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert len(answered.all()) == 1
    assert answered.lookup.listed == 2


def test_a_broken_page_is_an_error(registry: LoopbackRegistry, subject: Digest) -> None:
    for number in range(4):
        _sign(registry, subject, number)
    registry.page_size = 2
    registry.on("GET", r"/referrers/.*start=", answer(404))
    with store(registry.host) as repository, pytest.raises(RegistryError, match="answered 404"):
        repository.finder.find(subject)


def test_pages_of_another_host_are_not_followed(
    registry: LoopbackRegistry, other: LoopbackRegistry, subject: Digest
) -> None:
    for number in range(3):
        _sign(registry, subject, number)
    registry.page_size, registry.link = 1, lambda path: other.url + path
    with store(registry.host) as repository, pytest.raises(RegistryError, match="a next page on another host"):
        repository.finder.find(subject)
    assert other.seen == []


@pytest.mark.parametrize("filters", [True, False])
def test_applies_a_filter_that_the_registry_ignores(
    registry: LoopbackRegistry, subject: Digest, *, filters: bool
) -> None:
    """DIST-6, MAN-20: OCI-Filters-Applied says who filtered."""
    registry.filters = filters
    signature = _sign(registry, subject)
    _sign(registry, subject, 1, SBOM)
    with store(registry.host) as repository:
        answered = repository.finder.find(subject, artifact_types={NOTARY})
    assert [str(entry.descriptor.digest) for entry in answered.all()] == [signature]
    assert answered.lookup.listed == (1 if filters else 2)
    assert registry.requests("GET", "/referrers/")[0].query["artifactType"] == [NOTARY]


def test_filters_by_several_types(registry: LoopbackRegistry, subject: Digest) -> None:
    _sign(registry, subject)
    _sign(registry, subject, 1, SBOM)
    _sign(registry, subject, 2, "application/other")
    with store(registry.host) as repository:
        answered = repository.finder.find(subject, artifact_types={NOTARY, SBOM})
    assert len(answered.all()) == 2
    assert registry.requests("GET", "/referrers/")[0].query == {}


# could not look


@pytest.mark.parametrize("status", [400, 409, 429, 500, 502, 503])
def test_errors_are_never_an_empty_list(registry: LoopbackRegistry, subject: Digest, status: int) -> None:
    """DIST-9, MAN-21"""
    _tag(registry, subject, _sign(registry, subject))
    registry.on("GET", "/referrers/", answer(status))
    with store(registry.host) as repository, pytest.raises(RegistryError, match=f"answered {status}"):
        repository.finder.find(subject)
    assert registry.requests("GET", "/manifests/") == []


@pytest.mark.parametrize("status", [401, 403])
def test_refusals_are_never_an_empty_list(registry: LoopbackRegistry, subject: Digest, status: int) -> None:
    registry.on("GET", "/referrers/", answer(status))
    with store(registry.host) as repository, pytest.raises(AuthenticationError):
        repository.finder.find(subject)


def test_a_cut_connection_is_never_an_empty_list(registry: LoopbackRegistry, subject: Digest) -> None:
    registry.on("GET", "/referrers/", reset)
    with store(registry.host) as repository, pytest.raises(TransportError, match="cut the connection"):
        repository.finder.find(subject)


def test_an_unknown_repository_is_an_error(registry: LoopbackRegistry, subject: Digest) -> None:
    """NEG-158: 404 with NAME_UNKNOWN: no referrers tag is asked."""
    registry.on("GET", "/referrers/", error(404, "NAME_UNKNOWN"))
    with store(registry.host) as repository, pytest.raises(NotFoundError, match="has no repository app"):
        repository.finder.find(subject)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"schemaVersion":2,"manifests":[{"digest":"sha256:../x"}]}'])
def test_a_list_that_cannot_be_read_is_an_error(registry: LoopbackRegistry, subject: Digest, body: bytes) -> None:
    registry.on("GET", "/referrers/", answer(200, body, Content_Type=INDEX))
    with store(registry.host) as repository, pytest.raises(RegistryError, match="cannot be read"):
        repository.finder.find(subject)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_failed_request_for_the_tag_is_an_error(registry: LoopbackRegistry, subject: Digest, status: int) -> None:
    registry.referrers_api = False
    registry.on("GET", "/manifests/sha256-", answer(status))
    with store(registry.host) as repository, pytest.raises((RegistryError, AuthenticationError)):
        repository.finder.find(subject)


# the tag schema


def test_without_the_api_the_tag_is_read(registry: LoopbackRegistry, subject: Digest) -> None:
    """DIST-8"""
    registry.referrers_api = False
    signature = _sign(registry, subject)
    _tag(registry, subject, signature)
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert [str(entry.descriptor.digest) for entry in answered.all()] == [signature]
    assert answered.all()[0].artifact_type == NOTARY  # as the manifest says, the tag's entry has none
    assert answered.all()[0].descriptor.annotations == {"number": "0"}
    assert (answered.lookup.mechanism, answered.lookup.api_status, answered.lookup.tag_status) == (
        Mechanism.TAG,
        404,
        200,
    )


def test_without_api_and_tag_the_list_is_empty(registry: LoopbackRegistry, subject: Digest) -> None:
    """NEG-156"""
    registry.referrers_api = False
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert answered.all() == ()
    assert (answered.lookup.mechanism, answered.lookup.api_status, answered.lookup.tag_status) == (
        Mechanism.TAG,
        404,
        404,
    )


def test_another_content_type_means_no_api(registry: LoopbackRegistry, subject: Digest) -> None:
    """DIST-9: 200 with a wrong Content-Type, as from a web page that answers everything."""
    signature = _sign(registry, subject)
    _tag(registry, subject, signature)
    registry.on("GET", "/referrers/", answer(200, b"<html></html>", Content_Type="text/html"))
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert [str(entry.descriptor.digest) for entry in answered.all()] == [signature]
    assert (answered.lookup.mechanism, answered.lookup.api_status) == (Mechanism.TAG, 200)


@pytest.mark.parametrize("status", [302, 404, 405, 406, 501])
@pytest.mark.parametrize("list_first", [True, False])
def test_refuses_an_api_that_is_there_for_some_subjects_only(
    registry: LoopbackRegistry, subject: Digest, status: int, list_first: bool
) -> None:
    """RULE-6, DIST-5: after a list for one subject, 404 for another is no answer; nor is it in the other order."""
    signature = Digest.parse(_sign(registry, subject))
    registry.on("GET", f"/referrers/{signature}", answer(status, Location="http://web.example/"), times=9)
    first, second = (subject, signature) if list_first else (signature, subject)
    with store(registry.host) as repository:
        repository.finder.find(first)
        with pytest.raises(RegistryError, match=f"elsewhere that it has none .status {status}."):
            repository.finder.find(second)


def test_every_subject_is_asked_for_in_both_ways(registry: LoopbackRegistry, subject: Digest) -> None:
    """One answer without a list says nothing of other subjects."""
    registry.referrers_api = False
    signature = Digest.parse(_sign(registry, subject))
    with store(registry.host) as repository:
        for digest in (subject, signature):
            assert _how(repository.finder.find(digest)) == (Mechanism.TAG, 404, 404)
            assert len(registry.requests("GET", f"/referrers/{digest}")) == 1
            assert len(registry.requests("GET", f"/manifests/{referrers_tag(digest)}")) == 1


def test_refuses_an_image_under_the_referrers_tag(registry: LoopbackRegistry, subject: Digest) -> None:
    """GitLab answers the referrers tag with an image (oras-go#1396)."""
    registry.referrers_api = False
    registry.put_image("app", layers=(b"else",), tag=referrers_tag(subject))
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert answered.all() == ()
    assert answered.lookup.tag_status == 200
    assert "names no index" in answered.lookup.notes[0]


def test_refuses_the_artifact_itself_under_the_referrers_tag(registry: LoopbackRegistry) -> None:
    registry.referrers_api = False
    child = registry.put_image("app", layers=(b"child",))
    index = Digest.parse(registry.put_index("app", (child,)))
    registry.repositories["app"].tags[referrers_tag(index)] = str(index)
    with store(registry.host) as repository:
        answered = repository.finder.find(index)
    assert answered.all() == ()
    assert "names the artifact itself" in answered.lookup.notes[0]


def test_entries_of_another_subject_do_not_count(registry: LoopbackRegistry, subject: Digest) -> None:
    registry.referrers_api = False
    signature = _sign(registry, subject)
    stranger = registry.put_image("app", layers=(b"stranger",))
    foreign = registry.put_image("app", layers=(b"f",), subject=stranger, artifact_type=NOTARY)
    _tag(registry, subject, stranger, signature, foreign)
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    assert [str(entry.descriptor.digest) for entry in answered.all()] == [signature]
    assert answered.lookup.listed == 3
    assert [note.partition(" ")[0] for note in answered.lookup.notes] == [stranger, foreign]


def test_a_listed_referrer_that_is_missing_is_a_problem(registry: LoopbackRegistry, subject: Digest) -> None:
    """One that is missing does not stop the others, but is not silent."""
    registry.referrers_api = False
    signature = _sign(registry, subject)
    _tag(registry, subject, digest_of(b"gone"), signature)
    with store(registry.host) as repository:
        answered = repository.finder.find(subject)
    problems: list[AirgapError] = []
    assert [str(entry.descriptor.digest) for entry in answered.readable(problems.append)] == [signature]
    assert digest_of(b"gone") in str(problems[0])
    with pytest.raises(AirgapError, match=digest_of(b"gone")):
        answered.all()


def test_the_manifest_decides_the_type_of_a_tagged_entry(registry: LoopbackRegistry, subject: Digest) -> None:
    """LAYOUT-13: the entries of the tag's index are unproven claims."""
    registry.referrers_api = False
    signature = _sign(registry, subject)
    registry.put_index("app", (signature,), tag=referrers_tag(subject), artifact_type=SBOM)
    with store(registry.host) as repository:
        assert repository.finder.find(subject, artifact_types={SBOM}).all() == ()
        assert len(repository.finder.find(subject, artifact_types={NOTARY}).all()) == 1


def test_a_broken_index_under_the_tag_is_an_error(registry: LoopbackRegistry, subject: Digest) -> None:
    registry.referrers_api = False
    registry.put_manifest("app", {"schemaVersion": 2, "mediaType": INDEX, "manifests": {}}, tag=referrers_tag(subject))
    with store(registry.host) as repository, pytest.raises(RegistryError, match="cannot be read"):
        repository.finder.find(subject)


def test_a_mechanism_can_be_forced(registry: LoopbackRegistry, subject: Digest) -> None:
    signature = _sign(registry, subject)
    with store(registry.host) as repository:
        assert repository.finder.find(subject, mechanism=Mechanism.TAG).all() == ()
        _tag(registry, subject, signature)
        by_tag = repository.finder.find(subject, mechanism=Mechanism.TAG)
    assert len(by_tag.all()) == 1
    assert by_tag.lookup.api_status is None
    assert registry.requests("GET", "/referrers/") == []


def test_a_forced_api_that_is_missing_is_an_error(registry: LoopbackRegistry, subject: Digest) -> None:
    registry.referrers_api = False
    with store(registry.host) as repository, pytest.raises(RegistryError, match="has no referrers API"):
        repository.finder.find(subject, mechanism=Mechanism.API)


@pytest.mark.parametrize(
    ("digest", "tag"),
    [
        ("sha256:" + "a" * 64, "sha256-" + "a" * 64),
        ("sha512:" + "b" * 128, "sha512-" + "b" * 64),
        (
            "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
            "multihash-base58-QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
        ),
        ("a" * 40 + ":" + "c" * 70, "a" * 32 + "-" + "c" * 64),
        ("x:a=b", "x-a-b"),
    ],
)
def test_the_tag_is_made_as_the_specification_says(digest: str, tag: str) -> None:
    """DIST-8, D46"""
    assert referrers_tag(Digest.parse(digest)) == tag


# cosign's tags


def test_finds_cosign_tags(registry: LoopbackRegistry, subject: Digest) -> None:
    for suffix in ("sig", "sbom"):
        registry.put_image("app", layers=(suffix.encode(),), tag=f"sha256-{subject.encoded}.{suffix}")
    with store(registry.host) as repository:
        found = repository.finder.cosign_tags(subject, None)
    assert [item.tag for item in found] == [f"sha256-{subject.encoded}.sig", f"sha256-{subject.encoded}.sbom"]
    assert len(registry.requests("HEAD")) == 3
    assert len(registry.requests("GET")) == 2


@pytest.mark.parametrize("status", [403, 500])
def test_a_failed_request_for_cosign_tags_is_an_error(registry: LoopbackRegistry, subject: Digest, status: int) -> None:
    registry.on("HEAD", r"\.att$", answer(status))
    diary = Diary()
    with store(registry.host, diary=diary) as repository, pytest.raises((RegistryError, AuthenticationError)):
        repository.finder.cosign_tags(subject, None)


@pytest.mark.parametrize("status", [405, 406, 501])
def test_recognises_other_answers_without_api(registry: LoopbackRegistry, subject: Digest, status: int) -> None:
    """Artifactory answers 406, others 405 or 501."""
    signature = _sign(registry, subject)
    _tag(registry, subject, signature)
    registry.on("GET", "/referrers/", answer(status, b"no", Content_Type="text/plain"), times=9)
    with store(registry.host) as repository:
        found = repository.finder.find(subject)
    assert _how(found) == (Mechanism.TAG, status, 200)
    assert [str(entry.descriptor.digest) for entry in found.all()] == [signature]


def test_a_bad_request_called_unsupported_means_no_api(registry: LoopbackRegistry, subject: Digest) -> None:
    registry.on("GET", "/referrers/", error(400, "UNSUPPORTED"), times=9)
    with store(registry.host) as repository:
        assert _how(repository.finder.find(subject)) == (Mechanism.TAG, 400, 404)


def test_another_bad_request_names_the_other_mechanism(registry: LoopbackRegistry, subject: Digest) -> None:
    registry.on("GET", "/referrers/", answer(400, b"no", Content_Type="text/plain"), times=9)
    with store(registry.host) as repository, pytest.raises(RegistryError, match="answered 400") as caught:
        repository.finder.find(subject)
    assert "--distribution-spec v1.1-referrers-tag" in caught.value.remedy


def test_a_redirect_to_another_host_means_no_api(
    registry: LoopbackRegistry, other: LoopbackRegistry, subject: Digest
) -> None:
    """ghcr.io redirects to its web site, which answers 429: no request is sent there."""
    registry.on("GET", "/referrers/", answer(303, Location=f"{other.url}/-/v2/packages"), times=9)
    with store(registry.host) as repository:
        assert _how(repository.finder.find(subject)) == (Mechanism.TAG, 303, 404)
    assert other.seen == []


@pytest.mark.parametrize("status", [302, 307])
def test_follows_a_redirect_to_the_same_list_on_another_host(
    registry: LoopbackRegistry, other: LoopbackRegistry, subject: Digest, status: int
) -> None:
    """registry.k8s.io sends there; the signatures were taken for none."""
    other.put_image("real/app", tag="v1")
    signature = other.put_image("real/app", subject=str(subject), artifact_type=NOTARY)
    target = f"{other.url}/v2/real/app/referrers/{subject}"
    registry.on("GET", "/referrers/", answer(status, Location=target), times=9)
    with store(registry.host) as repository:
        found = repository.finder.find(subject)
    assert [str(entry.descriptor.digest) for entry in found.all()] == [signature]
    assert found.lookup.mechanism == Mechanism.API


def test_a_failed_redirect_to_another_host_is_an_error(
    registry: LoopbackRegistry, other: LoopbackRegistry, subject: Digest
) -> None:
    registry.on("GET", "/referrers/", answer(307, Location=f"{other.url}/v2/app/referrers/{subject}"), times=9)
    other.on("GET", "/referrers/", answer(403), times=9)
    with store(registry.host) as repository, pytest.raises(RegistryError, match="answered 403"):
        repository.finder.find(subject)


def test_follows_a_redirect_on_the_same_host(registry: LoopbackRegistry, subject: Digest) -> None:
    signature = _sign(registry, subject)
    registry.on("GET", rf"/app/referrers/{subject}$", answer(307, Location=f"/v2/app/referrers/{subject}?moved=1"))
    with store(registry.host) as repository:
        found = repository.finder.find(subject)
    assert [str(entry.descriptor.digest) for entry in found.all()] == [signature]
    assert found.lookup.mechanism == Mechanism.API


def test_a_next_page_without_an_address_is_an_error(registry: LoopbackRegistry, subject: Digest) -> None:
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    registry.on("GET", "/referrers/", answer(200, body, Content_Type=INDEX, Link="page two"), times=9)
    with store(registry.host) as repository, pytest.raises(RegistryError, match="does not say how a list goes on"):
        repository.finder.find(subject)
