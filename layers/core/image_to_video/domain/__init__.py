"""What a task is, in types and pure rules. Imports the standard library and Pydantic alone."""
