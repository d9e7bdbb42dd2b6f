"""Compares a recorded session with what the test put into it. usage: whole.py SESSION_FOLDER"""

import csv
import sys
from pathlib import Path

import numpy as np
import pyxdf

folder = Path(sys.argv[1])
streams, _ = pyxdf.load_xdf(folder / "data.xdf")
named = {stream["info"]["name"][0]: stream for stream in streams}
assert len(named) == 2 * (2 * 7 + 1) + 1, sorted(named)


def description(stream):
    return stream["info"]["desc"][0]


frames = named["mien_cam0_Frames"]
stamps = frames["time_stamps"]
assert len(stamps) == 90 and np.all(np.diff(stamps) > 0)
assert np.array_equal(frames["time_series"][:, 0], np.arange(100, 190))
assert np.array_equal(frames["time_series"][:, 1], stamps), "device time is the timestamp"
for name, stream in named.items():
    if "cam0" in name:
        assert np.array_equal(stream["time_stamps"], stamps), name
    if "cam" in name:
        channels = description(stream)["channels"][0]["channel"]
        assert len(channels) == int(stream["info"]["channel_count"][0])
        assert all(channel["unit"][0] and channel["label"][0] for channel in channels), name
        assert description(stream)["synchronization"][0]["can_drop_samples"][0] == "true"
        assert description(stream)["acquisition"][0]["networks"][0]["network"][0]["sha256"][0] == "ab" * 32

# Timing was measured on camera 0, which had frames before the recording began.
synchronization = description(named["mien_cam0_face1_pose"])["synchronization"][0]
assert float(synchronization["offset_rms"][0]) < 0.001 and int(synchronization["measured_frames"][0]) == 60
assert "offset_rms" not in description(named["mien_cam1_face1_pose"])["synchronization"][0]

present = np.arange(100, 190) % 10 != 9
landmarks = named["mien_cam1_face1_landmarks"]["time_series"].reshape(90, 478, 3)
assert landmarks.dtype == np.float32
number = np.arange(478, dtype=np.float32)
expected = np.float32(100) + number * np.float32(0.2)
assert np.array_equal(landmarks[present][:, :, 0], np.tile(expected, (present.sum(), 1)))
assert np.isnan(landmarks[~present]).all(), "a frame without a face is a row of NaN"
assert np.isnan(named["mien_cam1_face2_landmarks"]["time_series"]).all()
raw = named["mien_cam0_face1_blendshapes"]["time_series"][:, 25]
filtered = named["mien_cam0_face1_blendshapes_filtered"]["time_series"][:, 25]
assert np.allclose((filtered - raw)[present], 0.5)
pose = named["mien_cam0_face1_pose"]["time_series"][present]
assert np.allclose(pose[:, :3], [0.01, 0.02, -0.6]) and np.allclose(pose[:, 7:10], [5, -10, 2.5])
assert np.allclose(np.linalg.norm(pose[:, 3:7], axis=1), 1)
texts = [row[0] for row in named["mien_markers"]["time_series"]]
assert "halfway, “quoted” <tag>" in texts and texts[0] == "mien recording started", texts

with open(folder / "cam0_frames.csv") as file:
    rows = list(csv.DictReader(file))
assert [int(row["frame_index"]) for row in rows] == list(range(100, 190))
assert np.allclose([float(row["capture_seconds"]) for row in rows], stamps, rtol=0, atol=1e-9)
print(f"{len(named)} streams agree with what was recorded")
