"""Explains what is wrong with a text that is not JSON: line, column, and the mistake.

For messages only: it never makes the strict parser accept anything.
"""

from __future__ import annotations

import json
import re
from typing import Final

from airgap import limits
from airgap.text import safe

_SHOWN: Final = 24
_CLOSING: Final = "}]"
_CURLY: Final = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb\u2033"
_WORD: Final = re.compile(r"[A-Za-z_][\w.-]*")
_LITERALS: Final = {
    **dict.fromkeys(("true", "yes", "on"), "true"),
    **dict.fromkeys(("false", "no", "off"), "false"),
    **dict.fromkeys(("null", "none", "nil", "undefined"), "null"),
}
_OTHER_FORMATS: Final = (
    (re.compile(r"<{7} |={7}\s|>{7} "), "it has the marks of a merge conflict, which must be resolved"),
    (re.compile(r"<[!?A-Za-z]"), "it is HTML or XML: was a web page saved in place of the file?"),
    (re.compile(r"-----BEGIN "), "it is PEM, as certificates and keys are kept"),
    (re.compile(r"version https://git-lfs"), "it is a pointer of Git LFS, not the file itself (git lfs pull)"),
    (re.compile(r"(?:%YAML|---\s|- +[\w\"'{])"), "it is YAML: write it as JSON"),
    (re.compile(r"\[{1,2}[A-Za-z][\w.-]*\]{1,2}\s*(?:#.*)?\n"), "it is TOML or an ini file: write it as JSON"),
    (re.compile(r"\"[^\"\n]{1,64}\"\s*:"), "the brackets { and } around the document are missing"),
    (re.compile(r"'?[A-Za-z][\w.-]*'?\s*:(?:\s|$)"), "it is YAML: write it as JSON"),
    (re.compile(r"[A-Za-z][\w.-]*\s*=\s"), "it is TOML or an ini file: write it as JSON"),
)
"""How texts of other kinds begin, after comments."""
_COMMENT_LINES: Final = re.compile(r"(?:\s*(?:#|//)[^\n]*\n)*\s*")


def place(text: str, offset: int) -> str:
    """The line and column of an offset, as editors count them."""
    line, column = _line(text, offset), offset - (text.rfind("\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"


def explain(text: str, error: json.JSONDecodeError) -> tuple[str, int]:
    """What is wrong at the place where `text` stops being JSON, as the end of a sentence, and the line.

    `error` is that of the parser. Its offset and the text around it are used, not its message, which differs between
    versions.
    """
    at, what = _other_format(text) or _mistake(text, error)
    return f"{place(text, at)}: {what}", _line(text, at)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _other_format(text: str) -> tuple[int, str] | None:
    """The offset of the first character, and the kind of the text if it is no JSON at all."""
    written = len(text.rstrip("\0"))
    if written and "\0" in text[:4]:
        return 0, "it is UTF-16 or UTF-32: save it as UTF-8"
    if len(text) - written > 1:
        return written, "from here on it is filled with zeros: the copy broke off; get the file again"
    skipped = _COMMENT_LINES.match(text)
    begin = skipped.end() if skipped else 0
    return next(((begin, what) for shape, what in _OTHER_FORMATS if shape.match(text, begin)), None)


def _mistake(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """The offset to show, and what is wrong there."""
    at = _past_blanks(text, error.pos)
    before = _before(text, at)
    here = text[at : at + 1]
    if error.msg.startswith(("Unterminated string", "Invalid control", "Invalid \\")):
        return _in_a_text(text, error)
    after = _past_blanks(text, at + 1)
    if here == "," and text[after : after + 1] in tuple(_CLOSING):
        at, here, before = after, text[after], at  # newer versions of the parser point at the comma
    if here and here in _CLOSING and before < at and text[before] == ",":
        closed = f"the {here!r} on line {_line(text, at)}"
        return before, f"a trailing comma: nothing follows it before {closed}; remove the comma"
    if error.msg.startswith("Extra data"):
        return at, _extra(text, at)
    if not here:
        return at, "the text ends too early: a closing bracket is missing, or the file was cut off"
    if here not in _CURLY and (curly := _curly_before(text, at)):
        return curly, _quote(text[curly])
    if (what := _not_of_json(text, at)) is not None:
        return at, what
    return at, _structure(text, at, before, error)


def _in_a_text(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    if error.msg.startswith("Unterminated string"):
        return error.pos, "the text that begins here has no closing quotation mark"
    character = text[error.pos : error.pos + 1]
    if error.msg.startswith("Invalid \\"):
        return error.pos, (
            f"a backslash that JSON does not know, before {safe(text[error.pos + 1 : error.pos + 2])!r}; "
            "write a backslash as two (\\\\)"
        )
    if character in "\r\n":
        return (error.pos, "a text is not closed on its line: its closing quotation mark is missing")
    name = "a tab" if character == "\t" else f"a control character (U+{ord(character or ' '):04X})"
    return error.pos, f"{name} inside of a text; write \\u{ord(character or ' '):04x}, or remove it"


def _extra(text: str, at: int) -> str:
    here = text[at]
    if here in "{[":
        return "a second JSON document begins here; a file holds one alone"
    if here in _CLOSING:
        return f"{here!r} is one closing bracket too many"
    if here == ",":
        return "a trailing comma after the document; remove it"
    return _not_of_json(text, at) or f"trailing text after the document: {_shown(text, at)}"


def _not_of_json(text: str, at: int) -> str | None:
    """What the text at an offset is, if it is nothing that JSON has."""
    here = text[at]
    if text.startswith(("//", "/*", "#", "<!--"), at):
        return "a comment; JSON has no comments: remove it"
    if text.startswith(("<<<<<<<", "=======", ">>>>>>>"), at):
        return "the mark of a merge conflict, which must be resolved"
    if here in _CURLY:
        return _quote(here)
    if here == "'":
        return 'a single quotation mark; names and texts must be in double ones (")'
    if here == "`":
        return 'a backtick; names and texts must be in double quotation marks (")'
    if not here.isascii() and (not here.isprintable() or here.isspace()):
        return f"an invisible character (U+{ord(here):04X}), as copying from a web page brings in; remove it"
    if here == "\0":
        return "a NUL character; remove it"
    return _word(text, at)


def _word(text: str, at: int) -> str | None:
    """What a word without quotation marks is."""
    word = _WORD.match(text, at)
    if word is None:
        return None
    meant = _LITERALS.get(word[0].casefold())
    if meant is not None and word[0] != meant:
        return f"{safe(word[0])}, which JSON writes {meant}"
    # a literal of JSON in a wrong place needs no quotation marks
    return None if meant else f'{safe(word[0], limit=64)!r} is not in quotation marks ("{safe(word[0], limit=64)}")'


def _structure(text: str, at: int, before: int, error: json.JSONDecodeError) -> str:
    """What is wrong with brackets, commas and colons."""
    here = text[at]
    last = text[before] if before < at else ""
    if error.msg.startswith("Expecting ',' delimiter"):
        if here in _CLOSING:
            opened = "[" if here == "}" else "{"
            return f"{here!r} closes what {opened!r} opened: a bracket is missing or wrong before it"
        if here == ":":
            return "a ':' where a comma or a closing bracket must be: is a '[' meant to be '{'?"
        return f"a comma is missing before {_shown(text, at)}, at the end of line {_line(text, before)}"
    if error.msg.startswith("Expecting ':' delimiter"):
        return f"a ':' is missing after the name, before {_shown(text, at)}"
    if here in ",}]" and last in ",:[{":
        return f"a value is missing before {here!r}"
    if last == "{" or error.msg.startswith("Expecting property name"):
        return f"{_shown(text, at)} where a name in double quotation marks must be"
    return f"{_shown(text, at)} is no value that JSON has"


def _curly_before(text: str, at: int) -> int | None:
    """A curly quotation mark before the offset on its line: it does not close a text; the next straight one does."""
    begin = max(text.rfind("\n", 0, at) + 1, at - limits.MISTAKE_CHARACTERS)
    return next((number for number in range(begin, at) if text[number] in _CURLY), None)


def _quote(mark: str) -> str:
    return f'a curly quotation mark ({mark}), as word processors put it; names and texts must be in straight ones (")'


def _past_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _before(text: str, at: int) -> int:
    """The last character before the offset that is no blank; the offset of a blank if it is far away."""
    lowest = max(at - limits.MISTAKE_CHARACTERS, 0)
    return lowest + max(len(text[lowest:at].rstrip(" \t\r\n")) - 1, 0)


_BLANKS: Final = re.compile(r"[ \t\r\n]*")


def _shown(text: str, at: int) -> str:
    return repr(safe(text[at : at + _SHOWN].split("\n", 1)[0].rstrip(), limit=_SHOWN))


def not_utf8(data: bytes, error: UnicodeDecodeError) -> str:
    """What bytes that are not UTF-8 are, as the end of a sentence."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it is UTF-16: save it as UTF-8"
    if data.startswith(b"PK\x03\x04"):
        return "it is a zip archive"
    if data.startswith(b"\x1f\x8b"):
        return "it is compressed with gzip"
    line = data.count(b"\n", 0, error.start) + 1
    return (
        f"byte {error.start}, on line {line}, is 0x{data[error.start]:02x}: it may be Latin-1 or Windows-1252; "
        "save it as UTF-8"
    )
