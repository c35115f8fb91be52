"""The documents of S3: XML out of texts, and what clients send as XML."""

from __future__ import annotations

from urllib.parse import quote, unquote, unquote_plus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_UNFIT = dict.fromkeys({*range(32)} - {9, 10, 13}, "\N{REPLACEMENT CHARACTER}")  # no document may hold them
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def document(name: str, *children: str, **texts: str) -> bytes:
    """A whole document of S3."""
    return _whole(element(name, *children, **texts).replace(f"<{name}>", f'<{name} xmlns="{_NAMESPACE}">', 1))


def plain_document(name: str, *children: str, **texts: str) -> bytes:
    """One that is of no namespace, as all errors are."""
    return _whole(element(name, *children, **texts))


def _whole(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode("utf-8", "surrogateescape")


def element(name: str, *children: str, **texts: str) -> str:
    """`<name>` with a child for each text that is not empty, in front of the other children, which are XML already."""
    named = "".join(f"<{key}>{escape(value).translate(_UNFIT)}</{key}>" for key, value in texts.items() if value)
    return f"<{name}>{named}{''.join(children)}</{name}>"


def read(content: bytes) -> ElementTree.Element:
    """The root of a document that a client has sent.

    Raises ParseError; also for one that declares entities, which could grow without end.
    """
    if b"<!" in content:
        raise ElementTree.ParseError("a document with declarations is not read")
    return ElementTree.fromstring(content)  # noqa: S314 - it declares nothing


def spelled(key: str) -> str:
    """A key as clients want it that ask for encoding-type=url."""
    return quote(key, safe="/", errors="surrogateescape")


def unquoted(header: str) -> str:
    """A key as it stands in a header."""
    return unquote_plus(header)


def unquoted_path(path: str) -> str:
    """The path of an address, its bytes as they are even if they are no text."""
    return unquote(path, errors="surrogateescape")
