"""JWS envelopes: flattened JSON serialisation, read by hand (requirements/jws.md).

JOSE libraries decode and encode again before they verify, keep the last of duplicate members and accept invalid
base64; so they may verify other bytes than those that arrived. Here the strings are used as they came (JWS-4, RULE-5).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.oci.descriptor import JWS_ENVELOPE
from airgap.parse import base64, json
from airgap.parse.time import rfc3339
from airgap.pki.algorithms import Algorithm, by_jws
from airgap.signature import model
from airgap.signature.attributes import DEFINED, Attributes, Dialect, Label, parse_certificates, read_attributes, show
from airgap.signature.model import Envelope
from airgap.text import safe

X5C: Final = "x5c"


_MEMBERS: Final = frozenset({"payload", "protected", "header", "signature"})
_REGISTERED: Final = frozenset(
    {"alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "enc", "zip", "epk"}
    | {"apu", "apv", "iv", "tag", "p2s", "p2c"}
)
"""Header parameters that RFC 7515, 7516 and 7518 define."""
_DEFINED: Final = sorted({"alg", "cty", "crit"} | DEFINED)
_PROTECTED_ONLY: Final = ("crit", "b64")
"""RFC 7515, section 4.1.11 and RFC 7797, section 6: must be integrity protected."""


def parse_jws(raw: bytes, plugins: Container[str]) -> Envelope:
    """The envelope in `raw`; nothing of it is verified. Raises FormatError, Rejected envelope.* or chain.*.

    `plugins`: see `airgap.signature.attributes.read_attributes`.
    """
    members = json.load_object(raw, json.Reading.SIGNED, limit=limits.ENVELOPE_BYTES, what="envelope")
    json.refuse_case_doubles(members)
    _check_members(members)
    protected, payload, signature = (json.take(members, key, str) for key in ("protected", "payload", "signature"))
    header = json.take(members, "header", dict)
    attributes = _attributes(protected, header, plugins)
    return Envelope(
        **attributes._asdict(),
        media_type=JWS_ENVELOPE,
        payload=base64.decode_url(payload, where="payload"),
        certificates=parse_certificates(_x5c(header)),
        signature=base64.decode_url(signature, where="signature"),
        signing_input=f"{protected}.{payload}".encode("ascii"),
        timestamp_token=_token(header),
        signing_agent=_agent(header),
    )


def _check_members(members: json.JsonObject) -> None:
    # JWS-1, JWS-2, JWS-5, D7: flattened serialisation, with its own members only
    if "signatures" in members:
        raise FormatError("it is in general serialisation (`signatures`), and only the flattened one is allowed")
    if unknown := sorted(members.keys() - _MEMBERS):
        raise FormatError(f"the member {safe(unknown[0], limit=64)!r} is not allowed beside {sorted(_MEMBERS)}")


def _attributes(protected: str, unprotected: json.JsonObject, plugins: Container[str]) -> Attributes:
    header = json.load_object(
        base64.decode_url(protected, where="protected"),
        json.Reading.SIGNED,
        limit=limits.ENVELOPE_BYTES,
        what="protected header",
    )
    json.refuse_case_doubles(header)
    json.refuse_other_case(header, _DEFINED)  # else the reference reads an expiry where nothing is read here
    json.refuse_case_doubles(unprotected)
    if double := sorted(header.keys() & unprotected.keys()):
        raise FormatError(
            f"the header parameter {safe(double[0], limit=64)!r} is in the protected and in the unprotected "
            "header, which RFC 7515, section 4 forbids"
        )
    for name in _PROTECTED_ONLY:
        if name in unprotected:
            raise FormatError(f"the header parameter {name!r} is in the unprotected header, where it may not be")
    if "b64" in header:
        raise FormatError(
            "the protected header holds 'b64' (RFC 7797), which changes what is signed and is no part of the format"
        )
    return read_attributes(dict[Label, Any](header.items()), _DIALECT, plugins)


def _find_algorithm(stated: Any) -> Algorithm | None:
    return by_jws(stated) if isinstance(stated, str) else None


def _parse_time(stated: Any) -> datetime:
    # JWS-18: times are RFC 3339
    if not isinstance(stated, str):
        raise FormatError(f"is {show(stated)}, not a text in RFC 3339")
    try:
        return rfc3339(stated)
    except FormatError as error:
        raise FormatError(f"cannot be read: {error.problem}") from None


_DIALECT: Final = Dialect(
    algorithm="alg",
    critical="crit",
    content_type="cty",
    find_algorithm=_find_algorithm,
    parse_time=_parse_time,
    is_label=lambda label: isinstance(label, str),
    is_registered=_REGISTERED.__contains__,
    clause="RFC 7515, section 4.1.11",
)


def _x5c(header: Mapping[str, Any]) -> list[bytes]:
    # JWS-30: the whole chain, in standard base64
    listed = header.get(X5C)
    if not isinstance(listed, list) or not listed:
        raise Rejected("envelope.certificates", "the unprotected header has no certificate chain (x5c)")
    ders = []
    for number, item in enumerate(listed):
        where = f"header.x5c[{number}]"
        if not isinstance(item, str):
            raise FormatError(f"is {show(item)}, not a text", where=where)
        ders.append(base64.decode_standard(item, where=where))
    return ders


def _token(header: Mapping[str, Any]) -> bytes | None:
    # JWS-31: what is no base64 breaks the envelope, whether or not a timestamp is asked for
    text = json.take_optional(header, model.TIMESTAMP, str)
    return None if text is None else base64.decode_standard(text, where=f"header.{model.TIMESTAMP}")


def _agent(header: Mapping[str, Any]) -> str | None:
    # JWS-32, D59: must not influence the verdict, so a wrong type is no agent
    agent = header.get(model.SIGNING_AGENT)
    return agent if isinstance(agent, str) else None
