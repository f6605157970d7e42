from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.__main__ import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_file_that_is_not_there_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "crash-1"

    assert f"--repeat {missing}: No such file or directory" in refused(
        capsys, "--target", "frames", "--repeat", str(missing)
    )


def test_a_file_of_no_target_is_told_which_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "crash-1"
    kept.write_bytes(b"{}")

    assert "--repeat needs --target" in (told := refused(capsys, "--repeat", str(kept)))
    assert "frames" in told


def test_an_input_is_fed_to_the_target_of_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "frames" / "crash-1"
    kept.parent.mkdir()
    kept.write_bytes(b"{")

    assert main(["--repeat", str(kept)]) == 0
    assert "nothing happened that must not" in capsys.readouterr().out
