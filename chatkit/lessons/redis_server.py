"""A Redis of one's own, for a lesson or a test: started, killed, and started again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from threading import Thread
from typing import Any, Self

from chatkit.lessons.serving import free_port
from chatkit.messages import ChatkitError

READY = "Ready to accept connections"
HOW_TO_GET = {
    "linux": "apt install redis-server, or your system's own way",
    "darwin": "brew install redis",
    "win32": "run the lesson in WSL, as what there is of Redis for Windows is too old",
}
PERSISTENCE = {
    "none": {"save": "", "appendonly": "no"},
    "rdb": {"save": "3600 1 300 100 60 10000", "appendonly": "no"},
    "everysec": {"save": "", "appendonly": "yes", "appendfsync": "everysec"},
    "always": {"save": "", "appendonly": "yes", "appendfsync": "always"},
}


class RedisServer:
    """A redis-server on loopback, with a folder of its own that goes when it is stopped.

    `persistence` is `none`, `rdb`, `everysec` or `always`: what of the data a crash leaves. Other
    options are Redis' own, as `maxmemory="2mb"`. Raise ChatkitError if there is no redis-server.
    """

    def __init__(self, persistence: str = "always", port: int = 0, **options: str) -> None:
        program = shutil.which("redis-server")
        if not program:
            how = HOW_TO_GET.get(sys.platform, "see redis.io")
            raise ChatkitError(f"There is no redis-server on this machine: {how}.")
        self.folder = tempfile.TemporaryDirectory(prefix="chatkit-redis-")
        self.port = port or free_port()
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": self.folder.name,
            **PERSISTENCE[persistence],
            **options,
        }
        self.command = [program]
        for key, value in settings.items():
            self.command += [f"--{key.replace('_', '-')}", value]
        try:
            self.start()
        except BaseException:
            self.folder.cleanup()
            raise

    @property
    def url(self) -> str:
        """Return the address for `--log`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it is ready; raise ChatkitError if it can't."""
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, text=True, cwd=self.folder.name
        )
        output: Any = self.process.stdout
        lines = []
        for line in output:
            lines.append(line)
            if READY in line:
                break
        else:
            self.process.wait()
            output.close()
            reason = lines[-1].strip() if lines else "it did not say why."
            raise ChatkitError(f"redis-server did not start: {reason}")
        self.reader = Thread(target=self.drain, args=[output], daemon=True)
        self.reader.start()

    def drain(self, output: Any) -> None:
        """Read what it prints to the end, else that would fill the pipe."""
        with output:
            output.read()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def restart(self) -> None:
        """Crash, and start again on the same port, with what is left in the folder."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End it, and remove its folder; stopping twice is no error."""
        self.process.terminate()
        self.process.wait()
        self.reader.join()
        self.folder.cleanup()

    def __enter__(self) -> Self:
        """Have it for the length of a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it at the end."""
        self.stop()
