"""The server: where it listens, and that nothing is left when it ends."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from i2v.simulator.sample import SAMPLE_PATH
from i2v.simulator.server import run_simulator, running_simulator
from i2v.simulator.settings import SimulatorSettings
from tests.support.patience import PATIENCE, get, post, until

BLOCKING = """
from i2v.simulator.server import run_simulator
from i2v.simulator.settings import SimulatorSettings
run_simulator(SimulatorSettings(), on_listening=lambda address: print(address, flush=True))
print("ended", flush=True)
"""
START = {"prompt": "smile", "negative_prompt": "blur", "video_time": 20, "name": "job-1"}


def start(base_url: str) -> None:
    answer = post(
        f"{base_url}/api/v1/userImage2Video/start",
        json=START | {"image_url": f"{base_url}/_simulator/sample.png"},
        headers={"authorization": "Bearer sk_simulator"},
        trust_env=False,
    )
    assert answer.json()["code"] == 0


def test_two_simulators_share_nothing() -> None:
    with running_simulator(SimulatorSettings()) as one, running_simulator(SimulatorSettings()) as b:
        assert one.startswith("http://127.0.0.1:")
        start(one)
        assert (charges(one), charges(b)) == (1, 0)


def charges(base_url: str) -> int:
    return len(get(f"{base_url}/_simulator/ledger", trust_env=False).json())


def test_a_port_in_use_is_an_error() -> None:
    with running_simulator(SimulatorSettings()) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            run_simulator(SimulatorSettings(), port=port)


def test_the_sample_picture_is_served() -> None:
    with running_simulator(SimulatorSettings()) as url:
        answer = get(f"{url}/_simulator/sample.png", trust_env=False)
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == SAMPLE_PATH.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_calmly_and_nothing_remains(
    tmp_path: Path, number: signal.Signals
) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKING],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        start(url)
        until(lambda: list(tmp_path.glob("a2e-simulator-*/*.part.mp4")), pause=0.02)
        process.send_signal(number)
        out, errors = process.communicate(timeout=PATIENCE)
    assert (out, errors, process.returncode) == ("ended\n", "", 0)
    assert list(tmp_path.iterdir()) == []
    until(lambda: not running_on(tmp_path))


def running_on(folder: Path) -> list[str]:
    """Command lines of processes, ffmpeg for one, that work in the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def test_an_answer_held_back_does_not_keep_the_server_from_ending(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with running_simulator(SimulatorSettings()) as url:
        fault = [{"on": "list", "kind": "timeout_after"}]
        post(f"{url}/_simulator/faults", json=fault, trust_env=False)
        client = httpx.Client(timeout=PATIENCE, trust_env=False)
        with pytest.raises(httpx.ReadTimeout):
            client.get(
                f"{url}/api/v1/userImage2Video/allRecords",
                headers={"authorization": "Bearer sk_simulator"},
                timeout=httpx.Timeout(PATIENCE, read=0.1),
            )
        client.close()
    # The server complains where it had to wait for longer than its grace.
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert list(tmp_path.iterdir()) == []
