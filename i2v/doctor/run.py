"""What `--run` does: test tasks through each entry point, to their videos and events."""

from typing import Final

from i2v.doctor import trial_ends, trial_starts
from i2v.doctor.examined import Examined
from i2v.doctor.findings import Check, Findings, named, ok, warning
from i2v.doctor.runner import run
from i2v.doctor.trial import prepared, refusal

CHECKS: Final = tuple(
    Check(examine)
    for examine in (
        trial_starts.run_rest,
        trial_starts.run_upload,
        trial_starts.run_form,
        trial_starts.run_redrive,
        trial_starts.run_cancel,
        trial_ends.run_refusals,
        trial_ends.run_end,
        trial_ends.run_video,
        trial_ends.run_events,
    )
)


def run_tasks(stack: Examined) -> Findings:
    """Whether a trial may begin, and whether it leaves nothing behind."""
    if refused := refusal(stack):
        yield refused
        return
    with prepared(stack) as trial:
        yield from run(CHECKS, trial)
    if trial.left:
        yield warning(f"left behind: {named(trial.left)}", do="Delete them.")
    else:
        yield ok("what the trial made is taken away; its tasks end by TaskRetentionDays")
