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
# By default the validator reads 1,000 rows of a table, and so takes longer lists of channels for short.
command = [validator, "--max-rows", "-1", "--json", sys.argv[1]]
result = subprocess.run(command, capture_output=True, text=True)
issues = json.loads(result.stdout)["issues"]["issues"]
errors = [issue for issue in issues if issue["severity"] == "error"]
print(f"bids-validator: {len(errors)} errors, {len(issues) - len(errors)} warnings")
for issue in errors:
    keys = ("code", "subCode", "location", "issueMessage")
    print(*(issue.get(key, "") for key in keys), file=sys.stderr)
sys.exit(1 if errors else 0)
