"""A real Prometheus of the test's own, which scrapes once a second and has the rules that are shipped."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.deploy.expressions import PROMETHEUS, RULE_FILES
from tests.docs.pages import text_of

_PATIENCE_SECONDS = 90.0


class OwnPrometheus:
    """What a test asks it."""

    def __init__(self, address: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self._client = httpx.Client(base_url=address, timeout=30, trust_env=False)
        self._process, self._log = process, log

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data that it answers with."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float:
        """Return the value of the one series that *expression* gives."""
        (series,) = self.query(expression)
        return float(series["value"][1])

    def wait_until(self, what: Callable[[], bool]) -> None:
        """Return as soon as *what* is so."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            assert self._process.poll() is None, self._log.read_text()
            try:
                if what():
                    return
            except (httpx.TransportError, AssertionError, ValueError):
                if time.monotonic() > end:
                    raise
            assert time.monotonic() < end, f"never happened; its log:\n{self._log.read_text()}"
            time.sleep(0.2)

    def wait_for_scrapes(self, number: int) -> None:
        """Return when *number* further scrapes succeeded."""
        count = "count_over_time(up[1h]) and up == 1"
        before = int(self.value(count)) if self.query(count) else 0
        self.wait_until(lambda: self.value(count) >= before + number)

    def close(self) -> None:
        self._client.close()


def impatient(rules: str) -> str:
    """Return *rules* with seconds where they have minutes, and seconds for the hours of which a week is made."""
    return re.sub(r"\binterval: \w+", "interval: 1s", rules).replace("[1w:1h]", "[10m:1s]")


@contextmanager
def own_prometheus(folder: Path, target: str) -> Iterator[OwnPrometheus]:
    """Run it in *folder* for the length of the block; it scrapes *target*."""
    binary = shutil.which("prometheus")
    assert binary is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={_configuration(folder, target)}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    prometheus = OwnPrometheus(f"http://{address}", process, log)
    try:
        prometheus.wait_until(lambda: bool(prometheus.get("status/buildinfo")))
        yield prometheus
    finally:
        prometheus.close()
        process.terminate()
        process.wait(30)


def _configuration(folder: Path, target: str) -> Path:
    """Write the configuration that is shipped, with another target and less patience."""
    for file in RULE_FILES:
        (folder / file.name).write_text(impatient(text_of(file)))
    given = yaml.safe_load(text_of(PROMETHEUS / "prometheus.yml"))
    given["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    given["rule_files"] = [str(folder / "*.yml")]
    (job,) = given["scrape_configs"]
    job["static_configs"] = [{"targets": [target]}]
    written = folder / "prometheus.yaml"
    written.write_text(yaml.safe_dump(given))
    return written
