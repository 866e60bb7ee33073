"""`i2v` as a person uses it: what it prints, how it ends, and that nothing stays behind."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.support.patience import PATIENCE, let_pass, until

I2V = Path(sys.executable).with_name("i2v")

type Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def i2v(tmp_path: Path) -> Start:
    """Start `i2v` in an empty folder, its temporary files below it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [I2V, *arguments],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(scratch), "COLUMNS": "200", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def nothing_is_left(tmp_path: Path) -> bool:
    """No temporary file, and no process that had them."""
    scratch = str(tmp_path / "scratch")
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR", "").startswith(scratch):
                left.append(process.cmdline())
        except psutil.Error:
            continue
    return not left and not list((tmp_path / "scratch").iterdir())


def test_two_demos_at_once_both_end_well(i2v: Start, tmp_path: Path) -> None:
    runs = [i2v("demo", "--json", "--out", f"out-{n}") for n in range(2)]
    with ThreadPoolExecutor() as pool:
        ends = list(pool.map(ended, runs))
    for code, out, err in ends:
        assert code == 0, err
        report = json.loads(out.splitlines()[-1])
        assert {task["status"] for task in report["tasks"]} == {"succeeded"}
        assert {task["door"] for task in report["tasks"]} == {"rest", "upload"}
        assert all((tmp_path / task["video_file"]).exists() for task in report["tasks"])
        assert len({event["id"] for event in report["events"]}) == 6
        assert report["seconds"] > 0
    until(lambda: nothing_is_left(tmp_path))


def attends_to_signals(process: subprocess.Popen[str]) -> bool:
    """True once the command line has taken the signals over from Python, which may lose one."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGHUP - 1) & 1)


@pytest.mark.parametrize("moment", [0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0])
def test_ctrl_c_while_it_starts_leaves_nothing(i2v: Start, tmp_path: Path, moment: float) -> None:
    process = i2v("demo")
    until(lambda: attends_to_signals(process), pause=0.001)
    let_pass(moment)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert "i2v/main.py" not in err
    until(lambda: nothing_is_left(tmp_path))


def test_ctrl_c_in_the_middle_leaves_nothing(i2v: Start, tmp_path: Path) -> None:
    process = i2v("demo")
    assert process.stderr is not None
    for line in process.stderr:
        if "generating" in line:
            break
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert "Stopping" in err
    assert "Traceback" not in err
    until(lambda: nothing_is_left(tmp_path))


def test_up_writes_where_everything_is_and_ends_well(i2v: Start, tmp_path: Path) -> None:
    process = i2v("up")
    assert process.stderr is not None
    for line in process.stderr:
        if "Running" in line:
            break
    written = Path(line.split("; ")[1].split(" says")[0])
    stack = json.loads(written.read_text())
    assert {"api_url", "token", "owner", "queue_url", "a2e_url"} <= set(stack)
    assert written.stat().st_mode & 0o077 == 0
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert code == 0, err
    assert not written.exists()
    until(lambda: nothing_is_left(tmp_path))


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_bad_input_ends_in_one_clear_sentence(i2v: Start, tmp_path: Path, taken_port: str) -> None:
    text = tmp_path / "words.png"
    text.write_text("no picture")
    unreachable = "http://127.0.0.1:9"
    cases: list[tuple[list[str], dict[str, str], str]] = [
        (["demo", "--image", "nowhere.png"], {}, "no picture at nowhere.png"),
        (["demo", "--image", str(text)], {}, "is not a picture"),
        (["demo", "--image", str(tmp_path)], {}, "is a folder"),
        (["demo", "--prompt", ""], {}, "prompt must have"),
        (["demo", "--out", str(text / "x")], {}, "cannot be made"),
        (["up", "--port", taken_port], {}, f"Port {taken_port} is taken"),
        (["up", "--a2e-url", unreachable], {}, "Set A2E_TOKEN"),
        (["up", "--parameter", "Nonsense"], {}, "NAME=VALUE"),
        (["up", "--parameter", "Nonsense=1"], {}, "no parameter Nonsense"),
        (["up", "--a2e-url", unreachable], {"A2E_TOKEN": "sk_x"}, "cannot be reached"),
        (["simulate-a2e", "--port", taken_port], {}, f"Port {taken_port} cannot be used"),
    ]
    for arguments, environment, sentence in cases:
        code, out, err = ended(i2v(*arguments, **environment))
        assert code == 1, (arguments, err)
        assert sentence in err
        assert err.strip().splitlines()[-1].startswith("error:")
        assert "Traceback" not in err
        assert out == ""
    until(lambda: nothing_is_left(tmp_path))
