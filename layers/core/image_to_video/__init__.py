"""Turn still images into stored videos: the package behind every function of the application.

`domain` is what a task is, `contract` what callers are promised, `adapters` the outside systems,
`lifecycle` what happens to a task; each imports only those before it. `wiring` builds the whole.
"""

__version__ = "0.1.0"
