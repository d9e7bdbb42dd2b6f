"""Records LSL streams with LabRecorder's own recording code (PyPI: labrecorder), and opens the file.

usage: lab_recorder.py EXPECTED.json SECONDS OUT.xdf
Prints `ready` once recording; exits with 1 when a stream is missing or its samples are not those of the
test, and says so when labrecorder is not installed.
"""

import json
import sys
import time

import numpy as np
import pylsl
import pyxdf

try:
    import labrecorder
except ImportError:
    print("ready")
    print("skipped: labrecorder is not installed")
    sys.exit(0)

expected = {stream["name"]: stream for stream in json.load(open(sys.argv[1]))}
found = {}
deadline = time.monotonic() + 30
while len(found) < len(expected) and time.monotonic() < deadline:
    for info in pylsl.resolve_streams(1.0):
        found[info.name()] = info
assert set(found) == set(expected), set(expected) - set(found)
recording = labrecorder.Recording(sys.argv[3], list(found.values()))
time.sleep(2)
print("ready", flush=True)
time.sleep(float(sys.argv[2]) + 1)
recording.stop()

streams, _ = pyxdf.load_xdf(sys.argv[3], synchronize_clocks=False)
recorded = {stream["info"]["name"][0]: stream for stream in streams}
assert set(recorded) == set(expected), set(expected) ^ set(recorded)
missing = 0
for name, stream in recorded.items():
    wanted = expected[name]
    labels = [
        [channel["label"][0], channel["unit"][0], channel["type"][0]]
        for channel in stream["info"]["desc"][0]["channels"][0]["channel"]
    ]
    assert labels == wanted["channels"], name
    assert np.all(np.diff(stream["time_stamps"]) > 0), f"{name}: timestamps do not rise"
    missing += wanted["samples"] - len(stream["time_stamps"])
    if name.endswith("_Frames"):
        # Capture times cross the network and the recorder unchanged.
        assert np.array_equal(stream["time_series"][:, 1], stream["time_stamps"]), name
total = sum(stream["samples"] for stream in expected.values())
assert missing <= 0.001 * total, f"{missing} of {total} samples are missing"
print(f"LabRecorder: {len(recorded)} streams, {total - missing} of {total} samples")
