"""What the documentation site does otherwise than the pages in the repository: links out of docs/, and to folders, are names alone."""

from __future__ import annotations

import re
from typing import Any

_FOLDER = re.compile(r"\[([^\]]+)\]\((?!\w+:)[^)#]*/\)")
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A file of the repository that is no page stays named, and is no link."""
    depth = page.file.src_uri.count("/")

    def named(found: re.Match[str]) -> str:
        leaves = found[2].count("../") > depth
        return f"{found[1]} (`{found[2].rpartition('../')[2]}`)" if leaves else found[0]

    return _FOLDER.sub(r"\1", _OUTSIDE.sub(named, markdown))
