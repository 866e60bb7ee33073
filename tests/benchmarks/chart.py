"""Draw `docs/benchmarks.svg` from `benchmarks.json`; runs in an environment of its own.

Left: how late a finished video is noticed, by how often A2E is polled. Right: places in use and
tasks waiting over time, when 1,000 tasks arrive at once.
"""

import json
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PROJECT: Final = Path(__file__).resolve().parents[2]
_POLLS: Final = "#1f77b4"
_WAITING: Final = "#d95f02"


def main() -> None:
    """Draw both halves."""
    series: dict[str, Any] = json.loads((PROJECT / "benchmarks.json").read_text())["series"]
    # The same figures make the same file.
    mpl.rcParams["svg.hashsalt"] = "image-to-video"
    mpl.rcParams["font.family"] = "sans-serif"
    # Letters stay letters: smaller, and readers of screens read them.
    mpl.rcParams["svg.fonttype"] = "none"
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_polls(left, series["polls"])
    _draw_queue(right, series["queue"])
    figure.savefig(PROJECT / "docs" / "benchmarks.svg", metadata={"Date": None, "Creator": None})


def _draw_polls(axes: Axes, polls: dict[str, Any]) -> None:
    axes.plot(*zip(*polls["best"], strict=True), color="0.5", label="best possible")
    for number, (name, point) in enumerate(polls["points"].items()):
        axes.plot(*point, "os^D"[number % 4], color=_POLLS, label=name)
    axes.set(
        title="Noticing a finished video",
        xlabel="polls per task",
        ylabel="mean delay, seconds",
        ylim=(0, None),
        xlim=(0, None),
    )
    axes.legend(frameon=False)


def _draw_queue(axes: Axes, queue: dict[str, Any]) -> None:
    hours = [seconds / 3600 for seconds in queue["seconds"]]
    waiting = axes.plot(hours, queue["waiting"], color=_WAITING, label="tasks waiting")
    axes.set(title="1,000 tasks at once, 10 places", xlabel="hours", ylabel="tasks waiting")
    axes.set_ylim(0, None)
    places = axes.twinx()
    in_use = places.plot(hours, queue["in_use"], color=_POLLS, label="places in use")
    places.set(ylabel="places in use", ylim=(0, max(queue["in_use"]) * 1.1))
    axes.legend(handles=[*waiting, *in_use], frameon=False, loc="center left")


if __name__ == "__main__":
    main()
