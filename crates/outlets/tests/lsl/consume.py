"""Receives LSL streams with pylsl and compares them with what Rust says that it publishes.

usage: consume.py EXPECTED.json

EXPECTED.json: [{"name", "type", "source_id", "channels": [[label, unit, type]], "samples"}].
Prints `ready` when every stream is open, then its findings; exits with 1 when something differs.
"""

import json
import os
import sys
import time

# The same library as the outlets'.
if os.environ.get("LSL_LIBRARY"):
    os.environ["PYLSL_LIB"] = os.environ["LSL_LIBRARY"]

import numpy as np
import pylsl

expected = {stream["name"]: stream for stream in json.load(open(sys.argv[1]))}
found = {}
deadline = time.monotonic() + 30
while len(found) < len(expected) and time.monotonic() < deadline:
    for info in pylsl.resolve_streams(1.0):
        found[info.name()] = info
assert set(found) == set(expected), f"missing: {set(expected) - set(found)}, extra: {set(found) - set(expected)}"

inlets = {}
for name, info in found.items():
    inlet = pylsl.StreamInlet(info, max_buflen=600, recover=False)
    wanted = expected[name]
    full = inlet.info(timeout=10)
    assert full.type() == wanted["type"], name
    assert full.source_id() == wanted["source_id"], name
    assert full.nominal_srate() == 0.0, name
    channel = full.desc().child("channels").child("channel")
    channels = []
    for _ in range(full.channel_count()):
        channels.append([channel.child_value(key) for key in ("label", "unit", "type")])
        channel = channel.next_sibling()
    assert channels == wanted["channels"], name
    if wanted["type"] != "Markers":
        network = full.desc().child("acquisition").child("networks").child("network")
        assert network.child_value("name") == "test <&>", network.child_value("name")
        synchronization = full.desc().child("synchronization")
        assert synchronization.child_value("can_drop_samples") == "true", name
    inlet.open_stream(timeout=10)
    inlets[name] = inlet
print("ready", flush=True)

stamps = {name: [] for name in inlets}
values = {name: [] for name in inlets}
# Other consumers may still be starting.
last_arrival = time.monotonic() + 60
total = sum(stream["samples"] for stream in expected.values())
received = 0
while received < total and time.monotonic() - last_arrival < 5:
    idle = True
    for name, inlet in inlets.items():
        samples, times = inlet.pull_chunk(timeout=0.0)
        if times:
            idle = False
            received += len(times)
            last_arrival = time.monotonic()
            stamps[name] += times
            if name.endswith(("_landmarks", "_Frames", "_markers")):
                values[name] += samples
    if idle:
        time.sleep(0.01)

problems = []
for name, wanted in expected.items():
    count = len(stamps[name])
    if count < 0.999 * wanted["samples"]:
        problems.append(f"{name}: {count} of {wanted['samples']} samples")
    if not np.all(np.diff(stamps[name]) > 0):
        problems.append(f"{name}: timestamps do not rise")
    if name.endswith("_face1_landmarks"):
        series = np.array(values[name], dtype=np.float32)
        rows = series.reshape(len(series), 478, 3)
        numbers = np.arange(478, dtype=np.float32) + np.float32(0.1)
        if not np.array_equal(rows[:, :, 0], np.tile(numbers, (len(rows), 1))):
            problems.append(f"{name}: wrong x")
        if not np.array_equal(rows[:, 0, 1], np.arange(len(rows), dtype=np.float32)):
            problems.append(f"{name}: wrong y")
    if name.endswith("_face2_landmarks") and not np.isnan(np.array(values[name])).all():
        problems.append(f"{name}: an empty slot holds numbers")
    if name.endswith("_Frames"):
        # Capture times cross without any rounding.
        device_time = np.array(values[name])[:, 1]
        if not np.array_equal(device_time, np.array(stamps[name])):
            problems.append(f"{name}: timestamps are not the capture times")
    if name.endswith("_markers") and values[name][0] != ["second 0"]:
        problems.append(f"{name}: {values[name][:1]}")

print(f"{len(inlets)} streams, {received} of {total} samples, library {pylsl.library_version()}")
for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)
