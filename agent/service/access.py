"""Owners and access lists of Windows' files, through pywin32."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import os
    import stat
    from collections.abc import Iterator
    from contextlib import suppress
    from pathlib import Path
    from typing import Any, Final

    import win32api
    import win32security

    from agent.service.plan import ADMINISTRATORS, EVERYBODY, WRITING
    from agent.service.ports import ServiceRefused
    from agent.service.refusals import refusals

    _ALLOWING: Final = {
        0,
        5,
        9,
        11,
    }  # kinds of entries that allow something: plain, by object, and both with a condition

    class NtfsAccess:
        def me(self) -> str:
            with refusals():
                token = win32security.OpenProcessToken(
                    win32api.GetCurrentProcess(), win32security.TOKEN_QUERY
                )
                user = win32security.GetTokenInformation(token, win32security.TokenUser)[0]
                return str(win32security.ConvertSidToStringSid(user))

        def owner(self, path: Path) -> str:
            with refusals():
                found = win32security.GetNamedSecurityInfo(
                    str(path), win32security.SE_FILE_OBJECT, win32security.OWNER_SECURITY_INFORMATION
                )
                return str(win32security.ConvertSidToStringSid(found.GetSecurityDescriptorOwner()))

        def is_link(self, path: Path) -> bool:
            """A symbolic link or a junction: what it holds lies elsewhere."""
            try:
                return _is_link(path.lstat())
            except OSError as error:
                raise ServiceRefused(error.winerror or 0, error.strerror or "cannot be looked at") from error

        def writers(self, path: Path) -> frozenset[str]:
            with refusals():
                found = win32security.GetNamedSecurityInfo(
                    str(path), win32security.SE_FILE_OBJECT, win32security.DACL_SECURITY_INFORMATION
                )
                return _writers(found.GetSecurityDescriptorDacl())

        def take(self, path: Path) -> None:
            with refusals():
                win32security.SetNamedSecurityInfo(
                    str(path),
                    win32security.SE_FILE_OBJECT,
                    win32security.OWNER_SECURITY_INFORMATION,
                    win32security.ConvertStringSidToSid(ADMINISTRATORS),
                    None,
                    None,
                    None,
                )

        def close(self, folder: Path, access: str) -> None:
            with refusals():
                wanted = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(
                    access, win32security.SDDL_REVISION_1
                ).GetSecurityDescriptorDacl()
                # What lies below first: an entry of its own there would go on holding beside what it inherits.
                for path in _below(folder):
                    win32security.SetNamedSecurityInfo(
                        path,
                        win32security.SE_FILE_OBJECT,
                        win32security.DACL_SECURITY_INFORMATION
                        | win32security.UNPROTECTED_DACL_SECURITY_INFORMATION,
                        None,
                        None,
                        win32security.ACL(),
                        None,
                    )
                win32security.SetNamedSecurityInfo(
                    str(folder),
                    win32security.SE_FILE_OBJECT,
                    win32security.DACL_SECURITY_INFORMATION
                    | win32security.PROTECTED_DACL_SECURITY_INFORMATION,
                    None,
                    None,
                    wanted,
                    None,
                )

    def _writers(entries: Any) -> frozenset[str]:
        if entries is None:
            return frozenset({EVERYBODY})  # without a list nothing is refused
        found = set()
        for number in range(entries.GetAceCount()):
            (kind, flags), mask, *who = entries.GetAce(number)
            if kind in _ALLOWING and not flags & win32security.INHERIT_ONLY_ACE and mask & WRITING:
                found.add(str(win32security.ConvertSidToStringSid(who[-1])))
        return frozenset(found)

    def _below(folder: Path) -> Iterator[str]:
        """No link and nothing behind one: it would open what is somebody else's. `os.walk` goes through junctions."""
        waiting = [str(folder)]
        while waiting:
            found: list[os.DirEntry[str]] = []
            with suppress(PermissionError), os.scandir(waiting.pop()) as entries:
                found = [entry for entry in entries if not _is_link(entry.stat(follow_symlinks=False))]
            yield from (entry.path for entry in found)
            waiting += [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]

    def _is_link(found: os.stat_result) -> bool:
        return bool(found.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)
