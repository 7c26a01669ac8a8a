"""airgap.parse.json: one reading for each document (LAYOUT-11, D49, JWS-23)."""

from __future__ import annotations

import json as reference
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.parse import json
from airgap.parse.json import Reading

OWN, SIGNED, OPEN = Reading.OWN, Reading.SIGNED, Reading.OPEN


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b'{"a":1,"a":2}', "appears twice"),
        (b'{"x":{"a":1,"a":1}}', "appears twice"),
        (b'{"a":1} trailing', "not JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{}\xff", "not UTF-8"),
        ("{}".encode("utf-16"), "it is UTF-16"),
        (b" \n", "is empty, not JSON"),
        (b"", "is empty, not JSON"),
        (b"// comment\n{}", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":Infinity}', "not JSON"),
        (b'{"size":16724.0}', "size: is the number 16724.0, where only integers"),
        (b'{"a":"1e400","size" : 1e400}', "size: is the number 1e400"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
    ],
)
def test_refuses_malformed_json(document: bytes, problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        json.load(document, OWN)


@pytest.mark.parametrize(
    "document",
    [
        b"[" * (limits.JSON_DEPTH + 1) + b"]" * (limits.JSON_DEPTH + 1),
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"9" * 5000,
    ],
)
def test_bounds_depth_and_digits(document: bytes) -> None:
    with pytest.raises(LimitError):
        json.load(document, OWN)


def test_bounds_bytes() -> None:
    with pytest.raises(LimitError, match="more than 10"):
        json.load(b'"0123456789"', OWN, limit=10)


def test_brackets_inside_strings_do_not_count_as_depth() -> None:
    text = "[" * 500 + '\\"{'
    assert json.load(reference.dumps([text]).encode(), OWN) == [text]


def test_depth_at_the_bound_is_accepted() -> None:
    depth = limits.JSON_DEPTH
    assert json.load(b"[" * depth + b"]" * depth, OWN)


def test_pairs_of_surrogates_are_a_character() -> None:
    assert json.load(b'["\\ud83d\\ude00"]', OWN) == ["\U0001f600"]


class TestNamesThatDifferInCase:
    document: Any = json.load(b'{"digest":"a","Digest":"b","other":1}', OWN)

    def test_are_kept_where_they_are_data(self) -> None:
        assert dict(self.document) == {"digest": "a", "Digest": "b", "other": 1}

    def test_are_refused_where_the_name_is_read(self) -> None:
        with pytest.raises(FormatError, match="digest: appears twice, in different case"):
            json.take(self.document, "digest", str)
        with pytest.raises(FormatError, match="DIGEST: appears in another case, as 'digest'"):
            json.take_optional(self.document, "DIGEST", str)

    def test_do_not_affect_other_names(self) -> None:
        assert json.take(self.document, "other", int) == 1

    def test_are_refused_where_every_name_has_a_meaning(self) -> None:
        with pytest.raises(FormatError, match="twice, in different case"):
            json.refuse_case_doubles(self.document)
        json.refuse_case_doubles({"a": 1})


class TestTake:
    @pytest.mark.parametrize(
        ("value", "kind", "problem"),
        [
            ("x", int, "size: is a string, not an integer"),
            (True, int, "size: is a boolean, not an integer"),
            (None, str, "size: is null, not a string"),
            (1, dict, "size: is an integer, not an object"),
        ],
    )
    def test_refuses_another_type(self, value: object, kind: type, problem: str) -> None:
        with pytest.raises(FormatError, match=problem):
            json.take({"size": value}, "size", kind)

    def test_names_what_is_missing(self) -> None:
        with pytest.raises(FormatError, match=r"^size: is missing"):
            json.take({}, "size", int)

    def test_optional_is_none_only_where_absent(self) -> None:
        assert json.take_optional({}, "size", int) is None
        with pytest.raises(FormatError):
            json.take_optional({"size": None}, "size", int)

    def test_list_errors_name_the_index_and_the_path_grows(self) -> None:
        def parse(item: Any) -> str:
            return json.take(item, "digest", str)

        with pytest.raises(FormatError) as caught:
            json.take_list({"manifests": [{"digest": "a"}, {"digest": 7}]}, "manifests", parse, limit=5)
        assert str(caught.value.under("index")) == "index.manifests[1].digest: is an integer, not a string"

    def test_list_is_bounded(self) -> None:
        with pytest.raises(LimitError, match="has 3 items, more than 2"):
            json.take_list({"a": ["x", "y", "z"]}, "a", json.text, limit=2)

    def test_strings_are_strings(self) -> None:
        assert json.take_strings({"annotations": {"a": "b"}}, "annotations") == {"a": "b"}
        assert json.take_strings({}, "annotations") == {}
        with pytest.raises(FormatError, match="'a'"):
            json.take_strings({"annotations": {"a": 1}}, "annotations")


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(_values)
def test_reads_what_the_standard_library_writes(value: object) -> None:
    assert json.load(reference.dumps(value).encode(), OWN) == value
    assert json.load(reference.dumps(value, ensure_ascii=False).encode(), OWN) == value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_format_error(data: bytes) -> None:
    try:
        json.load(data, OWN)
    except FormatError:
        return
    reference.loads(data)


def test_fractions_only_where_they_are_asked_for() -> None:
    """JWS-21, JWS-34: members of others may hold any JSON; a size may not."""
    document = json.load(b'{"theirs":1.5,"size":2.0}', SIGNED)
    assert document["theirs"] == 1.5
    with pytest.raises(FormatError, match="size: is a fraction, not an integer"):
        json.take(document, "size", int)
    with pytest.raises(LimitError, match="too large"):
        json.load(b"[1e400]", SIGNED)


class TestOpenDocuments:
    """image-spec considerations.md, "Extensibility": what is unknown is read over; what reads in two ways is not."""

    def test_null_is_an_absent_member_at_any_depth(self) -> None:
        document = json.load_object(b'{"a":null,"b":{"c":null,"d":1},"e":[{"f":null}]}', OPEN)
        assert document == {"b": {"d": 1}, "e": [{}]}
        assert json.take_optional(document, "a", dict) is None
        assert json.take_list(document, "a", json.text, limit=1, required=False) == ()
        assert json.take_strings(document, "a") == {}

    def test_null_stays_no_value_in_documents_of_our_own(self) -> None:
        for reading in (OWN, SIGNED):
            with pytest.raises(FormatError, match="a: is null"):
                json.take_optional(json.load_object(b'{"a":null}', reading), "a", str)

    @pytest.mark.parametrize(
        "number", [b"1.5", b"1e3", b"-1E-7", b"1e400", b"1.50000000000000000000001", b"-0", b"9" * 400, b"-0.0"]
    )
    def test_keeps_the_spelling_of_unknown_numbers(self, number: bytes) -> None:
        raw = b'{"theirs":{"x":[' + number + b']},"size":' + number + b"}"
        document = json.load_object(raw, OPEN)
        assert json.dump(document) == raw
        with pytest.raises(FormatError, match="size: is a number with a fraction, an exponent or too many digits"):
            json.take(document, "size", int)

    def test_integers_of_64_bits_are_integers(self) -> None:
        for number in (0, 2**63 - 1, -(2**63)):
            assert json.take(json.load_object(b'{"size":%d}' % number, OPEN), "size", int) == number

    @pytest.mark.parametrize("deep", ["[{}]", '{{"a":{}}}', '[1,{{"b":"[","a":[{},2]}}]', ' [ "\\"]" , {} ] '])
    @pytest.mark.parametrize("depth", [100, 255, 256, 257, 3000, 4990])
    def test_unknown_members_may_be_nested_as_deep_as_readers_in_go_take(self, deep: str, depth: int) -> None:
        """No text is deeper than 10,000 for them; Python's parser takes less."""
        text = "1"
        for _ in range(min(depth, 3300)):
            text = deep.format(text)
        document = json.load_object(f'{{"x":{text},"size":2,"y":[{text}]}}'.encode(), OPEN)
        assert (json.take(document, "size", int), [*document]) == (2, ["x", "size", "y"])
        for broken in (f'{{"x":{text}', f'{{"x":{text}]}}', f'{{"x":{text},"size":2}}}}'):
            with pytest.raises(FormatError):
                json.load(broken.encode(), OPEN)

    @pytest.mark.parametrize("inner", [b"tru", b'"a" "b"', b'{"a"}', b"1,", b"NaN", b"[}"])
    def test_what_is_nested_deep_is_json_too(self, inner: bytes) -> None:
        for depth in (255, 256, 257, 600):
            with pytest.raises(FormatError):
                json.load(b"[" * depth + inner + b"]" * depth, OPEN)

    def test_nesting_is_bounded(self) -> None:
        depth = limits.JSON_OPEN_DEPTH
        assert json.load(b"[" * depth + b"]" * depth, OPEN)
        with pytest.raises(LimitError):
            json.load(b"[" * (depth + 1) + b"]" * (depth + 1), OPEN)

    @pytest.mark.parametrize("raw", [b'{"a":1,"a":null}', b'{"a":null,"a":1}', b'{"a":null,"a":null}'])
    def test_a_doubled_name_is_refused_also_with_null(self, raw: bytes) -> None:
        with pytest.raises(FormatError, match="appears twice"):
            json.load(raw, OPEN)

    @pytest.mark.parametrize("double", [b'"a":1,"a":2', b'"b":1,"a":1,"b":1', b'"b":1,"a":1,"b":null'])
    def test_a_doubled_name_is_refused_where_something_of_the_object_is_read(self, double: bytes) -> None:
        """In an unknown member no reader reads it. It was refused, and every reader in Go takes it."""
        document = json.load_object(b'{"x":{%b},"known":{%b},"items":[{%b}]}' % (double, double, double), OPEN)
        for read in (
            lambda: json.take(document, "known", dict),
            lambda: json.take_strings(document, "known"),
            lambda: json.as_object(document["known"]),
            lambda: json.take_list(document, "items", lambda item: json.take_optional(item, "a", int), limit=1),
            lambda: json.take_list(document, "items", lambda item: json.take_optional(item, "c", int), limit=1),
        ):
            with pytest.raises(FormatError, match=r"(known|items\[0\]): the member '[ab]' appears twice|^the member"):
                read()

    @pytest.mark.parametrize(
        "raw",
        [b'{"x":{"a":1,"a":1}}', b'{"x":"\\ud800"}', b'{"x":' + b"[" * 256 + b"]" * 256 + b"}"],
        ids=["doubles", "surrogate", "nesting"],
    )
    def test_what_is_read_over_is_refused_where_it_would_be_lost(self, raw: bytes) -> None:
        assert [*json.load_object(raw, OPEN)] == ["x"]
        for reading in (OWN, SIGNED, Reading.WHOLE):
            with pytest.raises(FormatError):
                json.load_object(raw, reading)

    @pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF", "\\ud83d\\ud83d", "\\ude00\\ud83d"])
    def test_a_lone_surrogate_is_refused_in_a_text_that_is_read(self, escape: str) -> None:
        """Readers in Go replace it, others keep it."""
        raw = f'{{"x":"{escape}","a":"{escape}","l":["{escape}"],"n":{{"k":"{escape}"}},"m":{{"{escape}":"v"}}}}'
        document = json.load_object(raw.encode(), OPEN)
        for read in (
            lambda: json.take(document, "a", str),
            lambda: json.take_list(document, "l", json.text_or_null, limit=1),
            lambda: json.take_strings(document, "n"),
            lambda: json.take_strings(document, "m"),
        ):
            with pytest.raises(FormatError, match="lone surrogate"):
                read()
        assert reference.loads(json.dump(document)) == reference.loads(raw)

    @pytest.mark.parametrize("name", ["Digest", "DIGEST"])
    def test_a_known_name_in_other_case_is_refused(self, name: str) -> None:
        """Readers in Go take it for the member, others do not see it."""
        for raw in (f'{{"{name}":"a"}}', f'{{"{name}":"a","digest":"b"}}'):
            with pytest.raises(FormatError, match=r"digest: appears (twice|in another case)"):
                json.take_optional(json.load_object(raw.encode(), OPEN), "digest", str)

    @pytest.mark.parametrize("raw", [b'{"manifests":[1],"Manifests":null}', b'{"Manifests":null,"manifests":[1]}'])
    def test_null_in_other_case_takes_a_member_back_in_go(self, raw: bytes) -> None:
        with pytest.raises(FormatError, match="manifests: appears twice, in different case"):
            json.take(json.load_object(raw, OPEN), "manifests", list)

    def test_letters_that_fold_in_go_only_are_other_case_too(self) -> None:
        document = json.load_object('{"\u017fubject":{}}'.encode(), OPEN)
        with pytest.raises(FormatError, match="subject: appears in another case"):
            json.take_optional(document, "subject", dict)

    @pytest.mark.parametrize("raw", [b"\xef\xbb\xbf{}", b"{}\xff", b'{"a":NaN}', b'{"a":01}', b"{} {}"])
    def test_refuses_what_is_not_json(self, raw: bytes) -> None:
        with pytest.raises(FormatError):
            json.load(raw, OPEN)

    @given(_values)
    def test_writing_changes_only_nulls(self, value: object) -> None:
        raw = json.dump(json.load(reference.dumps(value).encode(), OPEN))
        assert json.load(raw, OPEN) == json.load(reference.dumps(value).encode(), OPEN)

    @given(st.binary(max_size=200))
    def test_any_bytes_give_a_value_or_a_format_error(self, data: bytes) -> None:
        try:
            json.load(data, OPEN)
        except FormatError:
            return
        reference.loads(data)


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"[" * 20 + b"{" * 20 + b'"' + b'\\"' * 200_000, id="a text without an end"),
        pytest.param(b"[" * 40 + b'"' + b"\\" * 400_001, id="a text that ends in a backslash"),
        pytest.param(
            b"{" + b"".join(b'"a%d":0,' % number for number in range(100_000)) + b'"z":0,"z":0}', id="a late double"
        ),
    ],
)
def test_refuses_large_documents_in_linear_time(document: bytes, reading: Reading) -> None:
    """RULE-8: 400 KiB of an unsigned index took ten minutes, and 4 MiB hours."""
    began = process_time()
    with pytest.raises(FormatError):
        json.load(document, reading)
    assert process_time() - began < 5
