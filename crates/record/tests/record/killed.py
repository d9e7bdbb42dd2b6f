"""Opens repaired sessions with pyxdf. usage: killed.py SESSION_FOLDER..."""

import sys
from pathlib import Path

import numpy as np
import pyxdf

for folder in sys.argv[1:]:
    streams, header = pyxdf.load_xdf(Path(folder) / "data.xdf")
    assert header is not None and len(streams) == 2 * 7 + 2, len(streams)
    for stream in streams:
        name = stream["info"]["name"][0]
        count = len(stream["time_stamps"])
        assert int(stream["footer"]["info"]["sample_count"][0]) == count, name
        assert np.all(np.diff(stream["time_stamps"]) > 0), name
        if name.endswith("_Frames"):
            assert np.array_equal(stream["time_series"][:, 0], np.arange(count)), f"{name}: frames are missing"
            assert count > 30, count
print(f"pyxdf opens {len(sys.argv) - 1} repaired recordings")
