"""Runs the BIDS validator (PyPI: bids-validator-deno). usage: validate_bids.py DATA_SET"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

validator = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))
if validator is None:
    print("skipped: bids-validator-deno is not installed beside this Python")
    sys.exit(0)
errors = []
# As it is started by default, and with every row read (by default the first 1,000).
for rows in ([], ["--max-rows", "-1"]):
    command = [validator, *rows, "--format", "json", sys.argv[1]]
    result = subprocess.run(command, capture_output=True, text=True)
    issues = json.loads(result.stdout)["issues"]["issues"]
    found = [issue for issue in issues if issue["severity"] == "error"]
    print(f"bids-validator {' '.join(rows)}: {len(found)} errors, {len(issues) - len(found)} warnings")
    errors += found
for issue in errors[:20]:
    keys = ("code", "subCode", "location", "issueMessage")
    print(*(issue.get(key, "") for key in keys), file=sys.stderr)
sys.exit(1 if errors else 0)
