"""Leave out of botocore's data what a function never reads: `sam build` runs this on the layer.

Other services' models and endpoints, and all documentation: parsing those takes a function's first
call longer than anything else of a client. Each file keeps its name and its form.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any


def without_documentation(value: Any) -> Any:
    """A model with empty texts, for botocore asks for some; a member of that name stays."""
    if isinstance(value, dict):
        return {
            name: ""
            if name == "documentation" and isinstance(inner, str)
            else without_documentation(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [without_documentation(inner) for inner in value]
    return value


def shrink(data: Path, services: set[str]) -> None:
    """Keep these services, each under its name in botocore."""
    prefixes = set()
    for folder in [path for path in data.iterdir() if path.is_dir()]:
        if folder.name not in services:
            shutil.rmtree(folder)
            continue
        for path in folder.glob("*/service-2.json.gz"):
            model = json.loads(gzip.decompress(path.read_bytes()))
            prefixes.add(model["metadata"]["endpointPrefix"])
            smaller = json.dumps(without_documentation(model), separators=(",", ":"))
            path.write_bytes(gzip.compress(smaller.encode(), mtime=0))
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in prefixes
        }
    (data / "endpoints.json").write_text(json.dumps(endpoints))


if __name__ == "__main__":
    shrink(Path(sys.argv[1]), set(sys.argv[2:]))
