"""What Windows shows of groundwire.exe under Properties, Details."""

from __future__ import annotations

from typing import Any

LANGUAGE, UNICODE = 0x0409, 1200


def of(version: str) -> Any:
    """For the executable of a bundle; built on Windows, where PyInstaller can read it."""
    from PyInstaller.utils.win32 import versioninfo as parts  # noqa: PLC0415 - on Windows alone

    numbers = numbers_of(version)
    texts = {
        "CompanyName": "Groundwire",
        "FileDescription": "Groundwire agent",
        "FileVersion": version,
        "InternalName": "groundwire",
        "LegalCopyright": "Apache License 2.0",
        "OriginalFilename": "groundwire.exe",
        "ProductName": "Groundwire",
        "ProductVersion": version,
    }
    return parts.VSVersionInfo(
        ffi=parts.FixedFileInfo(filevers=numbers, prodvers=numbers, mask=0x3F, OS=0x40004, fileType=1),
        kids=[
            parts.StringFileInfo(
                [
                    parts.StringTable(
                        f"{LANGUAGE:04x}{UNICODE:04x}", [parts.StringStruct(*one) for one in texts.items()]
                    )
                ]
            ),
            parts.VarFileInfo([parts.VarStruct("Translation", [LANGUAGE, UNICODE])]),
        ],
    )


def numbers_of(version: str) -> tuple[int, int, int, int]:
    """Four, as Windows wants them."""
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch, 0
