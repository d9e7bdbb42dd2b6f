#!/usr/bin/env python3
"""The same clips through two engines: how far landmarks, blendshapes and poses differ.

Standard library only. See benches/README.md.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def track(mien, clip, folder, words, engine):
    command = [mien, "track", clip, "--out", folder, *words, *engine.split()]
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{run.stderr[-4000:]}")
    rows = [json.loads(line) for line in next(Path(folder).glob("*.jsonl")).read_text().splitlines()]
    meta = json.loads(next(Path(folder).glob("*.meta.json")).read_text())
    return rows, meta


def angle_deg(one, other):
    """The rotation between two poses, by the Frobenius norm of their difference: 2√2 sin(angle / 2)."""
    rotation = lambda pose: [pose["matrix"][4 * row + column] for row in range(3) for column in range(3)]
    chord = math.dist(rotation(one), rotation(other)) / math.sqrt(8)
    return math.degrees(2 * math.asin(min(1.0, chord)))


class Difference:
    def __init__(self):
        self.frames = self.other_count = self.faces = 0
        self.distances, self.coefficients, self.angles = [], [], []

    def add(self, one, other):
        self.frames += 1
        by_id = {face["id"]: face for face in other["faces"]}
        if by_id.keys() != {face["id"] for face in one["faces"]}:
            self.other_count += 1
        for face in one["faces"]:
            twin = by_id.get(face["id"])
            if twin is None:
                continue
            self.faces += 1
            pairs = zip(face["landmarks"], twin["landmarks"])
            self.distances.append(sum(math.dist(a[:2], b[:2]) for a, b in pairs) / len(face["landmarks"]))
            self.coefficients += [abs(a - b) for a, b in zip(face["blendshapes"], twin["blendshapes"])]
            self.angles.append(angle_deg(face["pose"], twin["pose"]))

    def row(self, name):
        if not self.faces:
            return [name, self.frames, self.other_count, 0, "–", "–", "–", "–", "–"]
        mean = lambda values: sum(values) / len(values)
        return [
            name, self.frames, self.other_count, self.faces, f"{mean(self.distances):.4f}",
            f"{max(self.distances):.4f}", f"{mean(self.coefficients):.5f}", f"{max(self.coefficients):.4f}",
            f"{max(self.angles):.3f}",
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", help="videos, or folders of images")
    parser.add_argument("--mien", default=str(ROOT / "target/release/mien"), help="the mien program")
    parser.add_argument("--one", default="--engine cpu", help="options of the reference")
    parser.add_argument("--other", default="--engine tensorrt --precision fp32", help="options of what is compared")
    parser.add_argument("--track", default="", help="options of both, such as `--detector-size 320 --frames 100`")
    options = parser.parse_args()

    heads = ["clip", "frames", "with other faces", "faces", "landmarks mean px", "worst face px",
             "blendshapes mean", "largest", "largest angle °"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    engines = set()
    for clip in options.clips:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            words = options.track.split()
            rows, meta = track(options.mien, clip, one, words, options.one)
            twins, twin_meta = track(options.mien, clip, other, words, options.other)
        engines |= {(meta["engine"]["used"], twin_meta["engine"]["used"])}
        difference = Difference()
        for pair in zip(rows, twins, strict=True):
            difference.add(*pair)
        print(f"| {' | '.join(map(str, difference.row(Path(clip).name)))} |", flush=True)
    for one, other in sorted(engines):
        print(f"\n{other} against {one}")


if __name__ == "__main__":
    main()
