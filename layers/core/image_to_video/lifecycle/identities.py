"""By what a repeated request is known: the id of its task, and what makes two requests the same."""

import hashlib
import json
from typing import Final

from image_to_video.contract.requests import TaskRequest

# Hexadecimal digits of a task's id, of which names are made; A2E's limit for those is not known.
ID_LENGTH: Final = 32


def task_id_for(scope: str, idempotency_key: str) -> str:
    """The id of the one task that an idempotency key stands for, among an owner's of a kind."""
    return _digest(scope, idempotency_key)[:ID_LENGTH]


def fingerprint_of(request: TaskRequest) -> str:
    """What makes two requests of one key the same; defaults count as not given.

    So a release with another optional field still knows the requests of the one before.
    """
    given = request.model_dump(mode="json", exclude_defaults=True)
    return _digest(json.dumps(given, sort_keys=True))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
