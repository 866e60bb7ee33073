"""The command line `i2v`."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from i2v import a2e_token, coins, tokens
from i2v.demo import Demo, Report, media_type_of
from i2v.deploy.command import check_settings, deploy
from i2v.deployed import STACK_FILE, Deployed
from i2v.deployment import STACK_NAME
from i2v.doctor.command import doctor
from i2v.errors import CommandError
from i2v.restore import restore
from i2v.simulator.sample import SAMPLE_PATH
from i2v.simulator.server import run_simulator
from i2v.simulator.settings import SimulatorSettings
from i2v.stack import LocalStack, check_a2e, is_running, running_stack

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="image-to-video on this machine: the real template on an emulator, A2E simulated.",
)
app.add_typer(tokens.app, name="token")
app.add_typer(a2e_token.app, name="a2e-token")
app.command()(deploy)
app.command("check-settings")(check_settings)
app.command()(coins.coins)
app.command()(doctor)
app.command()(restore)
_console = Console(stderr=True, highlight=False)
_ENTRY_POINTS: Final = {"rest": "REST", "upload": "S3 upload"}

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")]
GenerationSeconds = Annotated[
    float, typer.Option(min=0.1, max=3600, help="How long the simulated A2E takes for a video.")
]


@app.command()
def demo(
    image: Annotated[
        Path, typer.Option(help="A JPEG, PNG or WebP picture.", show_default="a drawn portrait")
    ] = SAMPLE_PATH,
    prompt: Annotated[
        str, typer.Option(help="What should happen in the video.")
    ] = "She looks into the camera and slowly begins to smile.",
    out: Annotated[Path, typer.Option(help="Folder of the videos.")] = Path("out"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Turn a picture into videos through both entry points, then stop everything."""
    media_type_of(image)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"The folder {out} cannot be made ({error.strerror}); name another."
        ) from error
    if not os.access(out, os.W_OK):
        raise CommandError(f"The folder {out} cannot be written to; name another.")
    if not 0 < len(prompt) <= 1000:
        raise CommandError("The prompt must have 1 to 1,000 characters.")
    _console.print("Starting the emulator and the simulated A2E, deploying template.yaml ...")
    with running_stack() as (stack, emulator):
        began = time.monotonic()

        def show(entry_point: str, status: str) -> None:
            seconds = time.monotonic() - began
            _console.print(f"  {seconds:5.1f} s  {_ENTRY_POINTS[entry_point]:<9}  {status}")

        report = Demo(stack, emulator, on_status=show).run(image, prompt, out)
    _show(report)
    if as_json:
        print(report.model_dump_json(by_alias=True))  # noqa: T201 - the answer itself
    if any(task.status != "succeeded" for task in report.tasks):
        raise CommandError("Not every task succeeded.")


@app.command()
def up(
    port: Port = 0,
    a2e_url: Annotated[
        str | None,
        typer.Option(help="Use the real A2E there, with the token in A2E_TOKEN. It costs coins."),
    ] = None,
    generation_seconds: GenerationSeconds = 6.0,
    parameter: Annotated[
        list[str] | None, typer.Option(help="A parameter of template.yaml, as NAME=VALUE.")
    ] = None,
) -> None:
    """Start the whole application on this machine and keep it running until Ctrl-C."""
    token = os.environ.get("A2E_TOKEN")
    if a2e_url is not None and not token:
        raise CommandError("Set A2E_TOKEN to your A2E API token; --a2e-url needs it.")
    if a2e_url is not None:
        a2e_url = a2e_url.rstrip("/")
        check_a2e(a2e_url, token or "")
    simulator = SimulatorSettings(generation_seconds=generation_seconds)
    pairs = [given.partition("=") for given in parameter or []]
    if not all(name and equals for name, equals, _ in pairs):
        raise CommandError(
            "Write a parameter as NAME=VALUE, for example CorsOrigin=https://example.com."
        )
    local = running_stack(
        a2e_url=a2e_url,
        a2e_token=token,
        simulator=simulator,
        port=port,
        parameters={name: value for name, _, value in pairs},
    )
    # An interrupt is the normal end of this command.
    with local as (stack, _), _stack_file(stack), suppress(KeyboardInterrupt):
        for name, value in stack.as_dict().items():
            _console.print(f"  {name:<18} {escape(value)}", soft_wrap=True)
        _console.print(f"Running; {STACK_FILE} says the same. Ctrl-C stops it.", soft_wrap=True)
        while True:
            time.sleep(3600)


@app.command()
def redrive(
    task_id: Annotated[str, typer.Argument(help="The task.")],
    stack_name: Annotated[str, typer.Option(help="The stack on AWS.")] = STACK_NAME,
    local: Annotated[bool, typer.Option(help="The stack that `i2v up` runs.")] = False,
) -> None:
    """Make an open task proceed now, or reopen one that failed with video_unavailable."""
    if not task_id:
        raise CommandError("Name a task; its id is in every answer and event.")
    answer = Deployed(stack_name, local=local).invoke(
        "RedriveTaskFunctionName", {"task_id": task_id}
    )
    _console.print(f"{answer['task_id']} is {answer['status']}. {answer['message']}")
    if not answer["moved"]:
        raise typer.Exit(1)


@app.command("simulate-a2e")
def simulate_a2e(
    port: Port = 0,
    token: Annotated[
        str, typer.Option(help="The bearer token it accepts.")
    ] = SimulatorSettings().token,
    coins: Annotated[int, typer.Option(min=0, help="The balance it begins with.")] = 100_000,
    generation_seconds: GenerationSeconds = 6.0,
) -> None:
    """Run the simulated A2E alone, until Ctrl-C."""
    settings = SimulatorSettings(token=token, coins=coins, generation_seconds=generation_seconds)
    try:
        run_simulator(
            settings,
            port=port,
            on_listening=lambda url: _console.print(f"A2E is simulated at {url}; Ctrl-C stops it."),
        )
    except OSError as error:
        raise CommandError(
            f"Port {port} cannot be used ({error.strerror}); choose another."
        ) from error


def run_command() -> None:
    """Run one command; a `CommandError` becomes one sentence and exit code 1."""
    try:
        app()
    except CommandError as error:
        _console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


@contextmanager
def _stack_file(stack: LocalStack) -> Iterator[None]:
    """Keep the stack's addresses in a file while it runs; private, because it has a token."""
    content = json.dumps(stack.as_dict(), indent=2) + "\n"
    before = STACK_FILE.read_text() if STACK_FILE.exists() else ""
    STACK_FILE.parent.mkdir(exist_ok=True)
    STACK_FILE.touch(mode=0o600)
    STACK_FILE.chmod(0o600)
    STACK_FILE.write_text(content)
    try:
        yield
    finally:
        # Keep the file of another stack that started since, and restore that of an earlier one
        # that still runs.
        if STACK_FILE.exists() and STACK_FILE.read_text() == content:
            if before and is_running(json.loads(before)):
                STACK_FILE.write_text(before)
            else:
                STACK_FILE.unlink()


def _show(report: Report) -> None:
    tasks = Table("entry point", "status", "video", "sha256", title="Videos", title_justify="left")
    for task in report.tasks:
        entry_point, sha256 = _ENTRY_POINTS[task.entry_point], (task.sha256 or "-")[:16]
        tasks.add_row(entry_point, task.status, task.video_file or "-", sha256)
    events = Table("event", "task", title="Events a subscriber received", title_justify="left")
    for event in report.events:
        events.add_row(event.type, event.subject)
    _console.print(tasks, events)
    _console.print(f"Done in {report.seconds} s; everything that was started is stopped.")
