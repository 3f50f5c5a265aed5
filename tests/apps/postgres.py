"""A private PostgreSQL server, where Debian's package (or another) is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

__all__ = ["PostgresServer", "find_programs", "running_server"]

_ACCOUNT = "postgres"


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl, newest version first; None where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    program = shutil.which("initdb")
    folders = [*folders, *([Path(program).resolve().parent] if program else [])]
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


@dataclass(frozen=True)
class PostgresServer:
    """A server on a socket in a folder of its own."""

    programs: Path
    folder: Path

    def new_database(self) -> str:
        """Makes an empty database and gives its URL."""
        name = f"test_{uuid4().hex}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return f"postgresql://tfapp@/{name}?host={self.folder}"

    def start(self) -> None:
        """Starts it, and waits until it takes connections."""
        options = f"-k {self.folder} -c listen_addresses= -F"
        self._run("pg_ctl", "-D", "data", "-o", options, "-w", "-l", "log", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stops it; `immediate` is as a crash."""
        self._run("pg_ctl", "-D", "data", "-m", mode, "-w", "stop")

    def create(self) -> None:
        """Makes its files."""
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "tfapp", "--no-sync", "--encoding=UTF8", "--locale=C")

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://tfapp@/{database}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        # It refuses to run as root, and has an account of its own for that.
        account = _ACCOUNT if os.geteuid() == 0 else None
        subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            user=account,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )


@contextmanager
def running_server(programs: Path) -> Iterator[PostgresServer]:
    """A new server, while the block runs; the path of a socket must be short."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT)
    server = PostgresServer(programs, folder)
    try:
        server.create()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
