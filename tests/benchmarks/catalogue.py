"""The figures that `make benchmark` measures: what each means, and what it must not exceed.

`before` is what was measured of commit c7d0ccf, in words where it is no number.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; less is better in all. `is_timed` marks ratios of times, which no test checks.

    `most` is what was set as a goal. Where it is not reached yet, `so_far` is what must be kept.
    """

    name: str
    meaning: str
    before: str
    most: float
    is_timed: bool = False
    so_far: float | None = None


FIGURES: Final = (
    Figure("queue_lost_1500", "1,500 tasks at once, 10 places: share failed waiting", "0.29", 0),
    Figure("queue_lost_3000", "the same with 3,000 tasks", "0.64", 0),
    Figure("queue_makespan_200", "200 at once: time until all are done / ideal", "1.62", 1.05),
    Figure("queue_makespan_1000", "the same with 1,000 tasks", "3.14", 1.05),
    Figure("queue_overtaken", "pairs of tasks of which the later one started first", "0.22", 0.01),
    Figure("queue_polls", "polls per task spent waiting, 1,000 at once", "68", 6),
    Figure("notice_delay_hint_s", "seconds from A2E's end to our knowing, with hints", "-", 1.5),
    Figure(
        "notice_ratio_log_normal",
        "mean delay / best possible for as many polls",
        "2.44",
        1.15,
    ),
    Figure("notice_ratio_bimodal", "the same, short and long durations mixed", "2.11", 1.15),
    Figure("notice_ratio_queue_tailed", "the same, a queue at A2E now and then", "2.27", 1.15),
    Figure("transitions_hint", "state transitions per task, with hints", "-", 16),
    Figure("transitions", "the same without hints", "66", 32),
    Figure("write_units", "DynamoDB write units per task; each limit of coins adds 2", "100", 30),
    Figure("stream_invocations", "invocations of publish_events per task", "25", 5),
    Figure(
        "usd_per_1000_hint",
        "USD of AWS per 1,000 tasks, with hints, no limit of coins",
        "2.2",
        0.5,
        so_far=0.6,
    ),
    Figure("list_units_common", "read units of a list of a common status", "124", 4),
    Figure("list_units_rare", "the same of a status that 1 in 100,000 has", "18,200", 20),
    Figure("cold_get", "first GET of a container / the same before", "1", 0.33, is_timed=True),
    Figure("cold_post", "first POST", "1", 0.33, is_timed=True),
    Figure("cold_poll", "first poll", "1", 0.33, is_timed=True),
    Figure("cold_store", "first copy of a video", "1", 0.33, is_timed=True),
    Figure("cold_authorize", "first authorization", "1", 0.33, is_timed=True),
    Figure("copy_slope", "bytes of memory per byte of video while it is copied", "0", 0),
    Figure("copy_ratio", "time of a copy / of a bare copy at 40 MB/s", "1.20", 1.12, is_timed=True),
    Figure("crafted_mib", "MiB of memory to read a crafted video, worst case", "16,800", 300),
    Figure("crafted_s", "seconds for the same", "over 40", 3, is_timed=True),
)
