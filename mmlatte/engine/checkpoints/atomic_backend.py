from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmlatte.atomic_file import atomic_file

#: Name of the backend for ``backend_args=dict(backend=...)``.
ATOMIC_BACKEND = 'mmlatte_atomic'


class AtomicBackend(LocalBackend):
    """Local files that are replaced as a whole, or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes, see `atomic_file`."""
        with atomic_file(filepath) as file:
            file.write(obj)

    def put_text(
        self, obj: str, filepath: str | Path, encoding: str = 'utf-8'
    ) -> None:
        """Write a text, see `atomic_file`."""
        self.put(obj.encode(encoding), filepath)


register_backend(ATOMIC_BACKEND, AtomicBackend, force=True)
