#!/usr/bin/env python3
"""Holds the crates' dependencies against the table in ARCHITECTURE.md.

A crate may depend on crates of lower levels, and on those of its own level that its row names.
Dependencies for tests and benches alone are free.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\|\s*(\d+)\s*\|\s*`([\w-]+)`[^|]*\|[^|]*\|([^|]*)\|\s*$")


def read_table(text):
    """{crate: (level, same-level crates it may use)}"""
    table = {}
    for line in text.splitlines():
        if match := ROW.match(line):
            level, crate, same_level = match.groups()
            table[crate] = (int(level), set(re.findall(r"`([\w-]+)`", same_level)))
    return table


def read_crates():
    """{crate: crates of this workspace that it depends on}"""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--quiet"]
    metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
    # Crates are called by their folder; the root package is `mien`.
    names = {
        package["name"]: "mien" if Path(package["manifest_path"]).parent == ROOT
        else Path(package["manifest_path"]).parent.name
        for package in metadata["packages"]
    }
    return {
        names[package["name"]]: {
            names[dependency["name"]]
            for dependency in package["dependencies"]
            if dependency["kind"] != "dev" and dependency["name"] in names
        }
        for package in metadata["packages"]
    }


def violations(table, crates):
    for crate in sorted(crates.keys() - table.keys()):
        yield f"`{crate}` is not in the table"
    for crate in sorted(table.keys() - crates.keys()):
        yield f"the table lists `{crate}`, which is no crate of this workspace"
    for crate in sorted(crates.keys() & table.keys()):
        level, same_level = table[crate]
        for used in sorted(crates[crate] & table.keys()):
            used_level = table[used][0]
            if used_level > level:
                yield f"`{crate}` (level {level}) depends on `{used}` above it (level {used_level})"
            elif used_level == level and used not in same_level:
                yield f"`{crate}` depends on `{used}` of its own level {level}, which its row does not allow"


def main():
    table = read_table((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    if not table:
        sys.exit("ARCHITECTURE.md: no table of crates found")
    found = list(violations(table, read_crates()))
    for violation in found:
        print(f"ARCHITECTURE.md: {violation}", file=sys.stderr)
    if found:
        sys.exit(1)
    print(f"layers: {len(table)} crates, all dependencies point downwards")


if __name__ == "__main__":
    main()
