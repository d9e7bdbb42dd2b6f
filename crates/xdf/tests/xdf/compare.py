"""Loads XDF files with pyxdf and compares them with what Rust says that they hold.

usage: compare.py EXPECTED.json

EXPECTED.json: [{"file": path, "streams": [{"name", "format", "timestamps": [float],
"rows": [[value]]}]}]; floats are given as the hexadecimal bit patterns of f64 or f32.
Exits with 1 and says where when anything differs by a single bit.
"""

import json
import logging
import struct
import sys

import numpy as np
import pyxdf

logging.disable(logging.WARNING)


def f64(bits):
    return struct.unpack("<d", struct.pack("<Q", int(bits, 16)))[0]


def f32(bits):
    return struct.unpack("<f", struct.pack("<I", int(bits, 16)))[0]


DECODE = {"float32": f32, "double64": f64}


def compare(file, expected):
    streams, header = pyxdf.load_xdf(file)
    assert header is not None, "no file header"
    names = [s["info"]["name"][0] for s in streams]
    assert names == [e["name"] for e in expected], f"streams {names}"
    for stream, wanted in zip(streams, expected):
        name = wanted["name"]
        stamps = np.array([f64(t) for t in wanted["timestamps"]], dtype=np.float64)
        found = np.asarray(stream["time_stamps"], dtype=np.float64)
        assert found.tobytes() == stamps.tobytes(), f"{name}: timestamps {found} are not {stamps}"
        decode = DECODE.get(wanted["format"], lambda value: value)
        rows = [[decode(value) for value in row] for row in wanted["rows"]]
        if wanted["format"] == "string":
            assert stream["time_series"] == rows, f"{name}: texts differ"
        else:
            series = stream["time_series"]
            assert len(series) == len(rows), f"{name}: {len(series)} samples, not {len(rows)}"
            if rows:
                wanted_bytes = np.array(rows, dtype=series.dtype).tobytes()
                assert series.tobytes() == wanted_bytes, f"{name}: values differ"
        assert "footer" in stream, f"{name}: no footer"
        count = int(stream["footer"]["info"]["sample_count"][0])
        assert count == len(rows), f"{name}: the footer counts {count}"


failures = 0
cases = json.load(open(sys.argv[1]))
for case in cases:
    try:
        compare(case["file"], case["streams"])
    except Exception as error:
        failures += 1
        print(f"{case['file']}: {type(error).__name__}: {error}")
print(f"{len(cases) - failures} of {len(cases)} files agree")
sys.exit(1 if failures else 0)
