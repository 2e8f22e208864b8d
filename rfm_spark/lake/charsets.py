"""Encodings of text files: which one a file is in, and how Spark can be made to read it."""

from __future__ import annotations

import codecs
import re

from rfm_spark.core.errors import EnvironmentSetupError

_SIGNS = "€£§°²·×«»\u2039\u203a\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e…•®©™ºª¿¡\u00a0\u00ad"
# Letters of the languages whose files are mostly in one of these; a file is in the first that gives no others.
_WESTERN = "äöüÄÖÜßéèêëÉÈÊàâÀÂáÁãÃåÅæÆçÇíÍîÎïìóÓôÔõÕòøØœŒúÚûÛùñÑ" + _SIGNS
_CENTRAL = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽäöüÄÖÜßőűŐŰľĺŕôôâîăşţ" + _SIGNS
_TURKISH = _WESTERN + "ğışİĞŞ"
_LIKELY = (
    ("windows-1252", _WESTERN),
    ("ISO-8859-15", _WESTERN),
    ("windows-1254", _TURKISH),
    ("windows-1250", _CENTRAL),
    ("ISO-8859-2", _CENTRAL),
    ("cp850", _WESTERN),
    ("macintosh", _WESTERN),
)
# Encodings that nobody exports in any more, and that look like others in a few words.
_RARE = ["mac_greek", "mac_cyrillic", "mac_iceland", "mac_latin2", "mac_turkish", "cp874", "cp1006", "cp1125",
         "hp_roman8", "ptcp154", "kz1048", "iso8859_10", "iso8859_14", "iso8859_16", "tis_620", "johab"]  # fmt: skip
# Signs that never stand behind a letter, and the largest share of letters with marks in a language of Latin script.
_NOT_BEHIND_A_LETTER = re.compile(r"[^\W\d_][§£¿¡«°]")
_MOST_MARKED = 0.4
_MARKS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_NATIVE = ("utf-8", "ascii", "iso8859-1")
_HIGH = bytes(range(0x80, 0x100))
_ASCII = bytes(range(0x80))
# Of 128 bytes, single-byte encodings leave fewer without a meaning.
_UNDEFINED = 64


def found_encoding(data: bytes, shown: str) -> str:
    """The encoding of a text, as it is written in `options.encoding`.

    Args:
        data: its beginning, or all of it.
        shown: the file, for messages.

    Returns:
        UTF-8 where the bytes allow it; ISO-8859-1 only where windows-1252 is the same.

    Raises:
        EnvironmentSetupError: charset-normalizer is needed and not installed.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    unmarked = _utf16(data[:4000])
    if unmarked is not None:
        return unmarked
    try:
        # The end may be in the middle of a letter.
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return _single_byte(data, shown)
    return "UTF-8"


def _utf16(data: bytes) -> str | None:
    """UTF-16 without a mark: in texts of Latin script every other byte is zero."""
    zeros = data.count(0)
    if zeros <= 0.2 * len(data):
        return None
    name = "UTF-16LE" if data[1::2].count(0) > zeros / 2 else "UTF-16BE"
    text = data[: len(data) // 2 * 2].decode(name, "replace")
    return name if all(letter.isprintable() or letter.isspace() for letter in text) else None


def _single_byte(data: bytes, shown: str) -> str:
    # Lines without letters beyond ASCII say nothing.
    telling = b"\n".join([line for line in data.splitlines() if not line.isascii()][:2000])
    for name, letters in _LIKELY:
        text = _decoded(telling, name)
        if text is not None and _is_language(text, letters):
            return _western(telling) if name == "windows-1252" else name
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        raise EnvironmentSetupError(
            f"{error.name} is not installed, and {shown} is not in UTF-8; pip install 'rfm-spark[cli]'"
        ) from error
    best = from_bytes(telling, cp_exclusion=_RARE).best()
    if best is None or str(best) == _decoded(telling, "windows-1252"):
        return _western(telling)
    return best.encoding


def _is_language(text: str, letters: str) -> bool:
    marked = [letter for letter in text if not letter.isascii()]
    if not all(letter in letters for letter in marked) or _NOT_BEHIND_A_LETTER.search(text):
        return False
    words = sum(letter.isalpha() for letter in text)
    return sum(letter.isalpha() for letter in marked) <= _MOST_MARKED * words


def _western(data: bytes) -> str:
    """ISO-8859-1, or windows-1252 where there are bytes that only it has letters for."""
    return "windows-1252" if any(0x80 <= byte < 0xA0 for byte in data) else "ISO-8859-1"


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def known_name(encoding: str) -> str | None:
    """Python's name of an encoding; None for one it doesn't know."""
    try:
        return codecs.lookup(encoding.strip().replace("cp-", "cp")).name
    except LookupError:
        return None


def is_native(encoding: str) -> bool:
    """Whether Spark reads files in an encoding line by line as they are."""
    return known_name(encoding) in _NATIVE


def high_letters(encoding: str) -> tuple[str, str] | None:
    """The letters that ISO-8859-1 takes the upper bytes for, and what they are; None for an encoding of several bytes.

    Bytes without a meaning are left out.
    """
    try:
        if _ASCII.decode(encoding) != _ASCII.decode("ascii"):
            return None
        meant = _HIGH.decode(encoding, "replace")
    except (UnicodeDecodeError, LookupError):
        return None
    if len(meant) != len(_HIGH) or meant.count("\ufffd") >= _UNDEFINED:
        return None
    pairs = [(mine, theirs) for mine, theirs in zip(_HIGH.decode("latin-1"), meant, strict=True)
             if theirs not in ("\ufffd", mine)]  # fmt: skip
    return "".join(mine for mine, _ in pairs), "".join(theirs for _, theirs in pairs)
