"""Packages for the tests on machines: of the bundle that `make release` or `packaging/build.py bundle` has made."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.packaging_scripts import ROOT, script

BUNDLE = Path(os.environ.get("GROUNDWIRE_BUNDLE", ROOT / "build" / "bundle" / "groundwire"))
NO_BUNDLE = "" if (BUNDLE / "groundwire").exists() else "no bundle: python packaging/build.py bundle"


def package(recipe: str, form: str, version: str, into: Path) -> Path:
    """As it is shipped but not compressed, which takes most of the time of making one."""
    work = into / f"{recipe}-{version}"
    shutil.copytree(ROOT / "packaging" / recipe, work / "packaging" / recipe)
    shutil.copytree(ROOT / "config", work / "config", ignore=shutil.ignore_patterns("systems"))
    text = (work / "packaging" / recipe / "nfpm.yaml").read_text()
    none = {"deb": "none", "rpm": "gzip:1"}[form]
    text = re.sub(rf"^({form}:\n  compression:) \S+$", rf"\1 {none}", text, flags=re.MULTILINE)
    (work / "packaging" / recipe / "nfpm.yaml").write_text(text)
    make = script("linux_package").build
    made = make(work / "packaging" / recipe, BUNDLE, into, form, version=version, epoch=1_767_225_600)
    assert isinstance(made, Path)
    return made


def blocks(page: str) -> Iterator[str]:
    """Each block of commands of a page of docs/, in order."""
    yield from re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
