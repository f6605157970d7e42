"""The seeded bugs are held against the tree: each can still be planted, stands on the page, and some are caught anew."""

from __future__ import annotations

import ast
import hashlib
import re
import tempfile
from pathlib import Path

import pytest

from tests.bugs.hunt import Hunt, NotCaught, main
from tests.bugs.nearness import Neighbourhood
from tests.bugs.page import PAGE, read_found, rendered
from tests.bugs.seeded import PRODUCT, ROOT, Bug, Change, DoesNotApply, all_bugs, patched, read_patch
from tests.bugs.workshop import Workshop

BUGS = all_bugs()
NUMBER = re.compile(r"[GKFS]\d{2,3}")
CHEAP = 6.0  # seconds of the processor
HUNTED = 3  # in every run of the tests; others when the program changes


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_changes_the_program_alone_and_leaves_a_program(bug: Bug) -> None:
    after = patched(bug, ROOT)

    assert after
    for path, text in after.items():
        assert Path(path).parts[0] in PRODUCT
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse((ROOT / path).read_text(encoding="utf-8")))


def test_no_two_bugs_are_one() -> None:
    assert len({bug.number for bug in BUGS}) == len(BUGS)
    assert len({bug.changes for bug in BUGS}) == len({bug.what for bug in BUGS}) == len(BUGS) >= 30


def test_every_bug_says_what_it_brings_back() -> None:
    assert [
        bug.name for bug in BUGS if not bug.brings_back or not all(map(NUMBER.fullmatch, bug.brings_back))
    ] == []


def test_the_page_has_every_bug_with_the_test_that_caught_it() -> None:
    found = read_found()

    assert list(found) == [bug.name for bug in BUGS]
    assert PAGE.read_text(encoding="utf-8") == rendered(BUGS, found), (
        "write it anew: python -m tests.bugs.page"
    )
    assert [one.test for one in found.values() if not _is_there(one.test)] == []


def _is_there(test: str) -> bool:
    file, _, names = test.partition("::")
    function = names.rpartition("::")[2]
    return (ROOT / file).is_file() and f"def {function}(" in (ROOT / file).read_text(encoding="utf-8")


def test_some_bugs_are_caught_by_the_tests_that_caught_them() -> None:
    """Which ones hangs on the files that the bugs change, so that another change of the program tries others."""
    found = read_found()
    cheap = [bug for bug in BUGS if bug.name in found and found[bug.name].processor <= CHEAP]
    texts = b"".join(
        (ROOT / path).read_bytes() for path in sorted({path for bug in BUGS for path in bug.paths})
    )
    first = int.from_bytes(hashlib.sha256(texts).digest()[:8], "big")
    chosen = [cheap[(first + at * len(cheap) // HUNTED) % len(cheap)] for at in range(HUNTED)]
    with tempfile.TemporaryDirectory(prefix="groundwire-bugs-") as folder:
        shop = Workshop(Path(folder))

        assert shop.run([found[bug.name].test for bug in chosen]).failed == ()
        for bug in chosen:
            before = {path: (shop.tree / path).read_text(encoding="utf-8") for path in bug.paths}
            shop.plant(bug)
            assert shop.run([found[bug.name].test]).failed, bug.name
            for path, text in before.items():
                (shop.tree / path).write_text(text, encoding="utf-8")


# The tool itself, on a tree of three files.


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "checkout"
    for name, text in {
        "agent/sums.py": "def add(a, b):\n    return a + b\n\n\ndef less(a, b):\n    return a - b\n",
        "drivers/far.py": "",
        "relay/far.py": "import agent.sums\n",
        "tests/unit/test_sums.py": "from agent.sums import add\n\ndef test_it_adds():\n    assert add(1, 2) == 3\n",
        "tests/system/test_broken.py": "def test_it_never_works():\n    assert False\n",
    }.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tree


def bug_in_sums(old: str, new: str) -> Bug:
    return Bug("01-sums", "", (), (Change("agent/sums.py", old, new),))


def test_a_bug_is_caught_by_the_test_that_fails_because_of_it(tree: Path, tmp_path: Path) -> None:
    hunt = Hunt(tmp_path / "hunt", limit=100, source=tree)

    assert hunt.catch(bug_in_sums("a + b", "b - a")).test == "tests/unit/test_sums.py::test_it_adds"


def test_a_test_that_fails_without_a_bug_too_is_told(tree: Path, tmp_path: Path) -> None:
    broken, sound = (
        "tests/system/test_broken.py::test_it_never_works",
        "tests/unit/test_sums.py::test_it_adds",
    )

    assert Hunt(tmp_path / "hunt", limit=100, source=tree).failing_anyway([broken, sound]) == {broken}


def test_a_bug_that_no_test_notices_is_not_caught(tree: Path, tmp_path: Path) -> None:
    (tree / "tests/system/test_broken.py").unlink()
    hunt = Hunt(tmp_path / "hunt", limit=100, source=tree)

    with pytest.raises(NotCaught, match="no test caught it"):
        hunt.catch(bug_in_sums("a - b", "b - a"))


def test_a_number_that_no_bug_has_is_told_and_hunted_for_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--bug", "999"])

    assert "there is no bug 999; there are 01 to " in capsys.readouterr().err


def test_what_does_not_import_is_no_bug(tree: Path, tmp_path: Path) -> None:
    hunt = Hunt(tmp_path / "hunt", limit=100, source=tree)

    with pytest.raises(NotCaught, match="does not import: SyntaxError"):
        hunt.catch(bug_in_sums("return a + b", "return a +"))


def test_a_patch_finds_its_lines_where_they_have_moved_to(tree: Path, tmp_path: Path) -> None:
    patch = tmp_path / "01-moved.patch"
    patch.write_text(
        "What: less is more\nBrings back: G01\n\n--- a/agent/sums.py\n+++ b/agent/sums.py\n"
        "@@ -5,2 +5,2 @@\n def less(a, b):\n-    return a - b\n+    return a + b\n"
    )
    sums = tree / "agent/sums.py"
    sums.write_text("# one line more\n" + sums.read_text())

    assert patched(read_patch(patch), tree)["agent/sums.py"].endswith("def less(a, b):\n    return a + b\n")


@pytest.mark.parametrize("text", ["", "def less(a, b):\n    return a - b\n" * 2])
def test_a_patch_whose_lines_are_not_there_once_does_not_apply(tree: Path, text: str) -> None:
    (tree / "agent/sums.py").write_text(text)

    with pytest.raises(DoesNotApply):
        patched(bug_in_sums("    return a - b\n", ""), tree)


def test_the_nearest_tests_come_first_and_none_is_left_out(tree: Path) -> None:
    (tree / "tests/unit/far").mkdir()
    (tree / "tests/unit/far/test_alone.py").write_text("")
    (tree / "tests/unit/far/test_by_way_of.py").write_text("import relay.far\n")

    assert Neighbourhood(tree).tests_of(["agent/sums.py"]) == [
        "tests/unit/test_sums.py",
        "tests/unit/far/test_by_way_of.py",
        "tests/unit/far/test_alone.py",
        "tests/system/test_broken.py",
    ]
