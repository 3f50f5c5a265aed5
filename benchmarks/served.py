"""A model server and callers of it, each in a process of its own, for benchmarks that compare with it.

    python served.py server MODELS/NAME/VERSION [BATCHING_FILE]
    python served.py client ADDRESS NAME [STREAMS.json]

The server answers `address`, `cpu` (seconds so far) and `memory` (resident MB); the client as `callers.measures` says.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from pathlib import Path

from callers import measures, texts
from harness import Worker, serve_lines

__all__ = ["start_client", "start_server"]


def start_server(folder: Path, batching_file: str = "") -> Worker:
    return Worker(sys.executable, __file__, "server", str(folder), batching_file)


def start_client(server: Worker, name: str, streams: Path | None = None) -> Worker:
    return Worker(sys.executable, __file__, "client", server.ask("address"), name, *([str(streams)] if streams else []))


def run_server(folder: str, batching_file: str = "") -> None:
    from tfapp.core.threads import set_compute_threads
    from tfapp.server.low_memory_import import import_tensorflow_low_memory

    # As the command does, and below.
    import_tensorflow_low_memory()
    set_compute_threads()
    from tfapp.server import ServerSettings, configured_server
    from tfapp.server.settings_files import read_batching

    settings = ServerSettings(port=0, **({"batching": read_batching(batching_file)} if batching_file else {}))
    with tempfile.TemporaryDirectory() as configs:
        server = configured_server(model_config(Path(configs, "models.config"), Path(folder)), settings)
        gc.collect()
        gc.freeze()
        server.start()
        answers = {"address": lambda: server.address, "cpu": time.process_time, "memory": resident}
        serve_lines(lambda question: answers[question]())
        server.stop()


def model_config(file: Path, folder: Path) -> Path:
    file.write_text(
        f'model_config_list {{ config {{ name: "{folder.parent.name}" base_path: "{folder.parent}" '
        f'model_platform: "tensorflow" model_version_policy {{ specific {{ versions: {int(folder.name)} }} }} }} }}\n',
        encoding="utf-8",
    )
    return file


def resident() -> float:
    """Returns the megabytes of this process in memory, on Linux."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def run_client(address: str, name: str, streams: str = "") -> None:
    from tfapp_client import Client

    lines = json.loads(Path(streams).read_text(encoding="utf-8")) if streams else texts()
    with Client(address) as client:
        serve_lines(measures(lambda rows: client.classify(name, rows), lines))


if __name__ == "__main__":
    {"server": run_server, "client": run_client}[sys.argv[1]](*sys.argv[2:])
