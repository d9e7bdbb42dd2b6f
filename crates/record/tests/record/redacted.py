"""A redacted file is one that others can read: its headers hold the mask, its samples are all there."""

import sys

import pyxdf

streams, _ = pyxdf.load_xdf(sys.argv[1], synchronize_clocks=False, dejitter_timestamps=False)
frames = next(stream for stream in streams if stream["info"]["name"][0].endswith("_Frames"))
assert len(frames["time_stamps"]) == 30
assert "************@cam.example" in str(frames["info"]["desc"]), frames["info"]["desc"]
