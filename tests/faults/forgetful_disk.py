"""A disk that forgets what was not synced, for files that are replaced whole.

The model: a file that was created is there in any length until its content is synced, and a name is made, moved or
removed for good only when its folder is synced; of the names that were not, any number of the last ones may be lost.
"""

from __future__ import annotations

from pathlib import Path

from agent.vault.files import SystemDisk


class ForgetfulDisk(SystemDisk):
    """Does what it is told, and keeps a copy of each state of the folder that a power cut could leave."""

    def __init__(self, folder: Path, images: Path) -> None:
        self._folder, self._images = folder, images
        self._names: list[dict[str, bytes]] = [self._state()]  # since the last sync of the folder
        self.taken: list[Path] = []

    def create(self, path: Path, content: bytes) -> None:
        before = self._state()
        super().create(path, content)
        for cut in (0, 1, len(content) // 2, len(content)):
            self._take({**before, path.name: content[:cut]})
        self._changed()

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        self._changed()

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._changed()

    def sync_folder(self, folder: Path) -> None:
        self._names = [self._state()]
        super().sync_folder(folder)

    def _changed(self) -> None:
        self._names.append(self._state())
        for state in self._names:
            self._take(state)

    def _state(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self._folder.iterdir()}

    def _take(self, state: dict[str, bytes]) -> None:
        image = self._images / str(len(self.taken))
        image.mkdir(parents=True)
        for name, content in state.items():
            (image / name).write_bytes(content)
            (image / name).chmod(0o600)
        self.taken.append(image)
