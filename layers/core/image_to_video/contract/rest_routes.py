"""All routes of the REST API, whichever function answers them.

What a path has not is answered by the function of the public routes, which knows no other one's.
"""

import re
from typing import Final

ROUTES: Final[dict[str, frozenset[str]]] = {
    path: frozenset(methods.split())
    for path, methods in {
        "/tasks": "GET POST",
        "/tasks/counts": "GET HEAD",
        "/tasks/{task_id}": "GET HEAD",
        "/tasks/{task_id}/cancel": "POST",
        "/tasks/{task_id}/video": "GET HEAD",
        "/uploads": "POST",
        "/hints/{task_id}": "POST",
        "/health": "GET HEAD",
        "/openapi.json": "GET HEAD",
        "/asyncapi.json": "GET HEAD",
    }.items()
}
"""The methods of each path, which is written as in OpenAPI; a test compares the functions."""

# Powertools finds no route for a path whose parameter has other characters than these.
_PART: Final = r"[-._~()'!*:@,;=+&$%<> \[\]{}|^\w]+"


def methods_at(path: str) -> set[str]:
    """The methods of the routes that this path may mean; none for a path of no route."""
    return {
        method
        for pattern, methods in ROUTES.items()
        if re.match(re.sub(r"\{\w+\}", lambda _: _PART, pattern) + "/*$", path)
        for method in methods
    }
