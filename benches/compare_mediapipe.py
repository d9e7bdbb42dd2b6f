#!/usr/bin/env python3
"""Mien beside MediaPipe Face Landmarker: milliseconds per frame on the same clips, in turns.

Decoding is left out on both sides. See benches/README.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def decode(clip):
    """All frames of a clip as RGB arrays, with their size and rate."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "V:0", "-print_format", "json", "-show_streams", clip]
    stream = json.loads(subprocess.check_output(probe))["streams"][0]
    width, height = stream["width"], stream["height"]
    numerator, denominator = map(int, stream["avg_frame_rate"].split("/"))
    command = ["ffmpeg", "-v", "error", "-i", clip, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = np.frombuffer(subprocess.check_output(command), np.uint8)
    return raw.reshape(-1, height, width, 3), numerator / denominator


def run_mediapipe(frames, rate_hz, task, faces):
    """Milliseconds of each frame, and the share of frames with a face."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)),
        running_mode=vision.RunningMode.VIDEO,
        num_faces=faces,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    times, found = [], 0
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for index, frame in enumerate(frames):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame)
            start = time.perf_counter()
            result = landmarker.detect_for_video(image, int(index * 1000 / rate_hz))
            times.append((time.perf_counter() - start) * 1000)
            found += bool(result.face_landmarks)
    return times, found / len(frames)


def run_mien(mien, clip, faces, models):
    """The pipeline's percentiles and mean in milliseconds, and the share of frames with a face."""
    with tempfile.TemporaryDirectory() as out:
        command = [mien, "track", clip, "--out", out, "--faces", str(faces)]
        if models:
            command += ["--models", models]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        meta = json.loads(next(Path(out).glob("*.meta.json")).read_text())
    pipeline = next(stage for stage in meta["stages"] if stage["stage"] == "pipeline")
    return pipeline, meta["frames_with_a_face"] / meta["frames"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", help="video files")
    parser.add_argument("--task", type=Path, required=True, help="MediaPipe's face_landmarker.task")
    parser.add_argument("--mien", default=str(ROOT / "target/release/mien"), help="the mien program")
    parser.add_argument("--models", help="folder of models for mien")
    parser.add_argument("--faces", type=int, default=1, help="most faces, for both")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    options = parser.parse_args()
    if not Path(options.mien).exists():
        sys.exit(f"{options.mien} does not exist; build it with `cargo build --release`")

    heads = ["clip", "MediaPipe p50", "mean", "found", "Mien p50", "mean", "found", "ratio p50", "mean"]
    print("{:<28}{:>14}{:>7}{:>7}{:>10}{:>7}{:>7}{:>11}{:>7}".format(*heads))
    ratios = []
    for clip in options.clips:
        frames, rate_hz = decode(clip)
        rounds, shares = [], (0.0, 0.0)
        for _ in range(options.rounds):
            times, their_share = run_mediapipe(frames, rate_hz, options.task, options.faces)
            pipeline, our_share = run_mien(options.mien, clip, options.faces, options.models)
            theirs = (statistics.median(times), statistics.mean(times))
            ours = (pipeline["p50_ms"], pipeline["mean_ms"])
            rounds.append((*theirs, *ours, ours[0] / theirs[0], ours[1] / theirs[1]))
            shares = (their_share, our_share)
        # Each round is a ratio of its own, so that a slow spell of the machine counts for both.
        p50, mean, our_p50, our_mean, ratio_p50, ratio_mean = map(statistics.median, zip(*rounds))
        ratios.append((ratio_p50, ratio_mean))
        print(
            f"{Path(clip).name:<28}{p50:>14.2f}{mean:>7.2f}{shares[0]:>7.0%}"
            f"{our_p50:>10.2f}{our_mean:>7.2f}{shares[1]:>7.0%}{ratio_p50:>11.2f}{ratio_mean:>7.2f}",
            flush=True,
        )
    p50, mean = map(statistics.median, zip(*ratios))
    print(f"Mien / MediaPipe, median over clips: {p50:.2f} (p50), {mean:.2f} (mean); below 1, Mien is faster")


if __name__ == "__main__":
    main()
