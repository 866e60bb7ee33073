"""AWS at botocore's boundary: each operation answers what a test wrote down, or raises it."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


def refusal(code: str, message: str) -> ClientError:
    """An error as AWS sends it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class FakeAws:
    """Answers by operation; of a list one after the other, and the last stays."""

    answers: dict[str, Any]
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, _client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        """Stands for `BaseClient._make_api_call`."""
        self.calls.append((operation, arguments))
        answer = self.answers[operation]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def arguments(self, operation: str) -> dict[str, Any]:
        """Of the last call of an operation."""
        return [given for name, given in self.calls if name == operation][-1]
