"""XML from cameras, which may be anybody's: bounded, and without what harms a reader.

A document type is refused before its entities are read: nothing unfolds, nothing is fetched.
"""

from typing import NoReturn
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

MOST_BYTES = 1 << 20  # the profiles of a recorder with many cameras have a tenth of it


class XmlError(Exception):
    """Not XML, or none that is read here; its text says why."""


class _Plain(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        """No answer of a camera has one."""
        raise XmlError("it has a document type, which may unfold to any size")


def parse(data: bytes) -> Element:
    """The root of a document; XmlError if it is not read."""
    if len(data) > MOST_BYTES:
        raise XmlError(f"it has more than {MOST_BYTES} bytes")
    parser = ElementTree.XMLParser(target=_Plain())
    try:
        parser.feed(data)
        root: Element = parser.close()
    except ElementTree.ParseError as error:
        raise XmlError(f"not XML: {error}") from None
    except (ValueError, LookupError) as error:  # an encoding that is not known
        raise XmlError(f"not XML: {error}") from None
    return root


def text(root: Element, path: str, spaces: dict[str, str]) -> str:
    """The text of the first element at a path, stripped; empty if there is none."""
    return (root.findtext(path, "", spaces) or "").strip()
