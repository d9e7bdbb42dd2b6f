"""One of two consumers of all streams: one is stopped by the test, the other reads on.

usage: stall.py stopped|reading STREAMS FRAMES
`reading` says how many samples it has of every stream, and fails unless it gets FRAMES of each, with rising
timestamps. `stopped` says, once it goes on, what is left for it; it fails when nothing is.
"""

import os
import sys
import time

if os.environ.get("LSL_LIBRARY"):
    os.environ["PYLSL_LIB"] = os.environ["LSL_LIBRARY"]

import pylsl

role, streams, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
found = {}
deadline = time.monotonic() + 30
while len(found) < streams and time.monotonic() < deadline:
    for info in pylsl.resolve_streams(1.0):
        if info.type() != "Markers":
            found[info.name()] = info
assert len(found) == streams, sorted(found)
inlets = {name: pylsl.StreamInlet(info, max_buflen=60, recover=False) for name, info in found.items()}
for inlet in inlets.values():
    inlet.open_stream(timeout=10)
counts = dict.fromkeys(inlets, 0)
last = dict.fromkeys(inlets, 0.0)
told = 0
print("ready", flush=True)


def pull():
    arrived = False
    for name, inlet in inlets.items():
        _, stamps = inlet.pull_chunk(timeout=0.0)
        for stamp in stamps:
            assert stamp > last[name], f"{name}: timestamps do not rise"
            last[name] = stamp
        counts[name] += len(stamps)
        arrived = arrived or bool(stamps)
    return arrived


if role == "stopped":
    # The test has stopped this process at `ready`; from here on it runs again, or not at all yet.
    quiet_since = None
    while quiet_since is None or time.monotonic() - quiet_since < 2:
        if pull():
            quiet_since = time.monotonic()
        else:
            time.sleep(0.01)
    print(f"{min(counts.values())} to {max(counts.values())} samples of each stream were left", flush=True)
    sys.exit(0)

idle_since = time.monotonic()
while min(counts.values()) < frames and time.monotonic() - idle_since < 30:
    if pull():
        idle_since = time.monotonic()
    else:
        time.sleep(0.002)
    if min(counts.values()) >= told + 50:
        told = min(counts.values())
        print(f"received {told}", flush=True)
print(f"received {min(counts.values())}", flush=True)
missing = {name: frames - count for name, count in counts.items() if count != frames}
print(f"{len(counts)} streams, {sum(counts.values())} of {frames * len(counts)} samples", flush=True)
sys.exit(1 if missing else 0)
