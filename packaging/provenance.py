"""Of which commit something in build/ was made: a file beside it says so, and there is none where no commit describes it."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_of(root: Path) -> str:
    """Of the checkout as it is; empty where a change is in no commit, and where nobody can tell."""
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root)]
    try:
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return "" if changed.stdout else head.stdout.strip()


def note(made: Path, commit: str) -> None:
    """An empty one takes away what was said of something that lay there before."""
    if commit:
        _beside(made).write_text(f"{commit}\n", "ascii")
    else:
        _beside(made).unlink(missing_ok=True)


def said_of(made: Path) -> str:
    """Empty where nothing is said, or the thing itself is not there."""
    beside = _beside(made)
    return beside.read_text("ascii").strip() if made.exists() and beside.is_file() else ""


def is_of(made: Path, commit: str) -> bool:
    """Whether it was made of that commit, and of nothing else."""
    return bool(commit) and said_of(made) == commit


def _beside(made: Path) -> Path:
    return made.with_name(f"{made.name}.commit")
