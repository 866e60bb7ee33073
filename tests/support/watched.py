"""What the template watches, written out: alarms, the dashboard's widgets, saved queries."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

OURS: Final = "ImageToVideo"


class Watched(NamedTuple):
    """One metric that something reads; values of dimensions are as Fn::Sub would have them."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def of_type(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of this type, by its logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in resources.items()
        if resource["Type"] == kind
    }


def alarms(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of every alarm, by its logical id."""
    return of_type(resources, "AWS::CloudWatch::Alarm")


def watched_by(alarm: dict[str, Any]) -> list[Watched]:
    """The metrics that an alarm reads, its own or those that it computes with."""
    stats = [member["MetricStat"] for member in alarm.get("Metrics", []) if "MetricStat" in member]
    return [_watched(metric) for metric in [stat["Metric"] for stat in stats] or [alarm]]


def _watched(metric: dict[str, Any]) -> Watched:
    dimensions = [(d["Name"], _written(d["Value"])) for d in metric.get("Dimensions", [])]
    return Watched(metric["Namespace"], metric["MetricName"], tuple(sorted(dimensions)))


def _written(value: Any) -> str:
    """A value as Fn::Sub would have it."""
    if isinstance(value, str):
        return value
    ((kind, named),) = value.items()
    return "${" + (named if kind == "Ref" else ".".join(named)) + "}"


def widgets(resources: dict[str, Any]) -> list[dict[str, Any]]:
    """The widgets of the one dashboard."""
    (dashboard,) = of_type(resources, "AWS::CloudWatch::Dashboard").values()
    body: dict[str, Any] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])
    found: list[dict[str, Any]] = body["widgets"]
    return found


def shown_by(widget: dict[str, Any]) -> Iterator[Watched]:
    """The metrics of a widget; `.` and `...` repeat what stands in the row above."""
    above: list[str] = []
    for row in widget["properties"]["metrics"]:
        texts = [cell for cell in row if isinstance(cell, str)]
        if texts[0] == "...":
            kept = len(above) - len(texts) + 1
            texts = above[:kept] + texts[1:]
        texts = [above[at] if text == "." else text for at, text in enumerate(texts)]
        above = texts
        namespace, name, *pairs = texts
        assert len(pairs) % 2 == 0, row
        dimensions = zip(pairs[::2], pairs[1::2], strict=True)
        yield Watched(namespace, name, tuple(sorted(dimensions)))


def queries(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The saved queries, by their logical ids."""
    return of_type(resources, "AWS::Logs::QueryDefinition")


_WORDS: Final = (
    "filter fields stats sort limit by as asc desc in like and or not"
    " count sum max min latest ispresent datefloor coalesce"
)


def fields_of(query: str) -> set[str]:
    """The names of fields that a query reads, without those that it makes itself."""
    bare = re.sub(r'"[^"]*"', "", query)
    made = set(re.findall(r"\bas (\w+)", bare))
    names = set(re.findall(r"@?\b[A-Za-z_]\w*\b(?!\s*\()", bare))
    return {name for name in names - made - set(_WORDS.split()) if not name.startswith("@")}
