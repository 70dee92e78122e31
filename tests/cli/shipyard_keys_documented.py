"""shipyard_keys_documented.py SOURCES: docs/from-batch-shipyard.md has every key that the converter knows, and no other."""

from __future__ import annotations

import re
import sys
from pathlib import Path

SOURCE = "batch/client/shipyard_config_keys.cpp"
PAGE = "docs/from-batch-shipyard.md"


def keys_of(source: str) -> set[str]:
    """The first of each pair {"key", reason}; the functions name the part of the files, which the page's tables do."""
    return set(re.findall(r'\{\s*"([\w.*\[\]]*[\w*])",', source))


def keys_on(page: str) -> set[str]:
    """The code spans in the first columns of the tables that say what takes each key's place."""
    keys = set()
    in_table = False
    for line in page.split("\n"):
        in_table = line.startswith("| Batch Shipyard | here | |") or (in_table and line.startswith("|"))
        if in_table:
            keys.update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return keys


def covers(span: str, key: str) -> bool:
    return span == key or span.startswith((key + ".", key + "["))


def main() -> int:
    root = Path(sys.argv[1])
    known = keys_of((root / SOURCE).read_text(encoding="utf-8"))
    known -= {"job_specifications", "pool_specification", "credentials"}
    named = keys_on((root / PAGE).read_text(encoding="utf-8"))
    complaints = [f"{SOURCE}: not in {PAGE}: {key}" for key in sorted(known) if not any(covers(s, key) for s in named)]
    complaints += [f"{PAGE}: the converter knows no such key: {span}" for span in sorted(named - known)]
    for complaint in complaints:
        print(complaint)
    print(f"{len(known)} keys, {len(complaints)} complaints")
    return 1 if complaints or not known else 0


if __name__ == "__main__":
    sys.exit(main())
