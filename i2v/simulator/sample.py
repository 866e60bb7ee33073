"""The picture that ships with the project, for a first run without a picture of your own."""

from pathlib import Path

SAMPLE_PATH = Path(__file__).parent.parent / "sample" / "portrait.png"
"""A portrait drawn for the project."""
