"""What a role of the template may do."""

from typing import Any


def statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a role's own policies; one that a condition adds is taken as added."""
    documents = [policy["PolicyDocument"] for policy in role["Properties"].get("Policies", [])]
    return [
        statement["Fn::If"][1] if "Fn::If" in statement else statement
        for document in documents
        for statement in document["Statement"]
    ]
