"""The documentation as a site: it builds, no link is broken, every page is in it, and nothing comes from the internet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What a page fetches by itself, not where a reader may go.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=\"?([^\">\s]+)|<link\b[^>]*\bhref=\"?([^\">\s]+)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def test_every_page_is_in_the_site(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}

    assert {str(page) for page in pages if not (site / page).is_file()} == set()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    fetched = {
        one or other
        for page in site.rglob("*.html")
        for one, other in FETCHED.findall(page.read_text("utf-8"))
    }

    assert fetched
    assert {address for address in fetched if re.match(r"(?:\w+:)?//", address)} == set()
    styles = "\n".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", styles) == []


def test_it_is_searched_by_what_it_brings(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text("utf-8")

    assert "storage_damaged" in index
    assert "initial_window" in index
