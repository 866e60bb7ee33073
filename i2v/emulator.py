"""The AWS emulator (MiniStack) as a child process, on a free port; it leaves nothing behind."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from i2v.errors import CommandError

REGION: Final = "us-east-1"
PATIENCE_SECONDS: Final = 300
"""How long anything may take, however busy this machine is; what is done is not waited for."""
_PORTS_TRIED: Final = 5
_LOG: Final = "emulator.log"


class Reached:
    """An emulator, whoever runs it. Its credentials are valid nowhere else."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The boto3 client of this emulator for a service."""
        if service not in self._clients:
            self._clients[service] = local_session().client(
                service, endpoint_url=self.endpoint_url, config=_CLIENT_CONFIG
            )
        return self._clients[service]

    def table(self, name: str) -> Any:
        """A DynamoDB table of this emulator."""
        resource = local_session().resource(
            "dynamodb", endpoint_url=self.endpoint_url, config=_CLIENT_CONFIG
        )
        self._clients[f"table {name}"] = resource.meta.client
        return resource.Table(name)

    def close(self) -> None:
        """End our connections to it."""
        for client in self._clients.values():
            client.close()


class Emulator(Reached):
    """An emulator that runs as a child process of ours."""

    def __init__(self, endpoint_url: str, process: subprocess.Popen[bytes]) -> None:
        super().__init__(endpoint_url)
        self.process = process

    def end(self) -> None:
        """End the process, its Lambda workers and our connections to it."""
        self.close()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running_emulator(port: int = 0, *, enforce_authorization: bool = False) -> Iterator[Emulator]:
    """Start an emulator; leaving ends it and its Lambda workers, and deletes its files.

    Port 0 takes a free one. With `enforce_authorization` it refuses what no policy allows; our own
    credentials may do everything. Raises `CommandError` if the port is taken or it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="i2v-emulator-") as folder:
        emulator = _start(Path(folder), port, enforce_authorization=enforce_authorization)
        try:
            yield emulator
        finally:
            emulator.end()


def _start(folder: Path, port: int, *, enforce_authorization: bool) -> Emulator:
    for _ in range(1 if port else _PORTS_TRIED):
        account = str(secrets.randbelow(9 * 10**11) + 10**11)
        chosen = port or _free_port()
        emulator = None
        try:
            with _signals_delayed():
                emulator = _launch(folder, chosen, account, enforce_authorization)
            # Another program may have taken the port after it was chosen; the account shows whose
            # emulator answers.
            if _answers(emulator, account):
                return emulator
        except BaseException:
            if emulator is not None:
                emulator.end()
            raise
        emulator.end()
    if port:
        raise CommandError(f"Port {port} is taken by another program; choose another, or none.")
    lines = (folder / _LOG).read_text(errors="replace").strip().splitlines()
    reason = lines[-1] if lines else "its log is empty"
    raise CommandError(f"The AWS emulator did not start: {reason}")


@contextmanager
def _signals_delayed() -> Iterator[None]:
    """Delay signals until the new process is known here, so that it is ended with us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, lambda caught_now, _: caught.append(caught_now))
        for number in handled
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0])


def _launch(folder: Path, port: int, account: str, enforce_authorization: bool) -> Emulator:
    endpoint_url = f"http://127.0.0.1:{port}"
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": account,
        "PERSIST_STATE": "0",
        "AUTH": str(enforce_authorization).lower(),
        "AWS_ENDPOINT_URL": endpoint_url,
        "TMPDIR": str(folder),
        "LOG_LEVEL": "WARNING",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Idle workers beyond a function's first are given back, 90 MB each; it looks every 30 s.
        "LAMBDA_WARM_TTL_SECONDS": "10",
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MINISTACK_", "A2E_"))
        and not name.lower().endswith("_proxy")
    }
    log = folder / _LOG
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=inherited | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A process group of its own: Ctrl-C reaches only us, and we end the whole group.
            start_new_session=True,
        )
    return Emulator(endpoint_url, process)


def _answers(emulator: Emulator, account: str) -> bool:
    config = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
    sts = local_session().client("sts", endpoint_url=emulator.endpoint_url, config=config)
    deadline = time.monotonic() + PATIENCE_SECONDS
    with closing(sts):
        while time.monotonic() < deadline and emulator.process.poll() is None:
            try:
                return bool(sts.get_caller_identity()["Account"] == account)
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def local_session() -> Any:
    """A boto3 session whose credentials are valid for an emulator only."""
    return boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - not a secret
        region_name=REGION,
    )


_CLIENT_CONFIG: Final = Config(
    connect_timeout=PATIENCE_SECONDS,
    read_timeout=PATIENCE_SECONDS,
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
)
