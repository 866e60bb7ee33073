"""Turn still images into stored videos: the package behind every function of the application.

Read `models` for the words, `tasks` for what can be done with a task, `wiring` for how the
pieces meet. Importing any module here does nothing but define names.
"""

__version__ = "0.1.0"
