#!/usr/bin/env python3
"""How many cameras a machine holds: `mien run --headless` with 1, 2, 4 … cameras, one row each.

Standard library only. See benches/README.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def configuration(options, cameras):
    width, height = options.size
    text = f"version = 1\n\n[engine]\nkind = \"{options.engine}\"\n\n[lsl]\nenabled = false\n"
    for camera in range(1, cameras + 1):
        source = options.source.replace("SEED", str(camera))
        text += (
            f"\n[[cameras]]\nname = \"cam{camera}\"\nsource = \"{source}\"\n"
            f"size = [{width}, {height}]\nrate_hz = {options.rate:.1f}\n"
        )
    return text


def run(options, cameras):
    """The statistics of one run."""
    with tempfile.TemporaryDirectory() as folder:
        config, stats = Path(folder) / "mien.toml", Path(folder) / "stats.json"
        config.write_text(configuration(options, cameras))
        # Figures begin where a camera is live: the time until then is given on top.
        seconds = options.seconds + options.start_seconds * cameras
        command = [options.mien, "run", "--headless", "--config", config, "--seconds", str(seconds)]
        run = subprocess.run(
            [*command, "--stats", stats], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if run.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{run.stderr[-4000:]}")
        return json.loads(stats.read_text())


def row(stats, options):
    cameras = stats["cameras"]
    slowest = min(camera["live_seconds"] for camera in cameras)
    if slowest < options.seconds / 2:
        sys.exit(f"a camera was live for {slowest:.1f} s only: give more --start-seconds")
    worst = max(cameras, key=lambda camera: camera["latency"]["p95_ms"])
    memory = [camera["most_gpu_memory_bytes"] for camera in cameras]
    gpus = stats["gpu"]["gpus"]
    utilization = [gpu["utilization_percent"] for gpu in gpus if gpu["utilization_percent"] is not None]
    holds = worst["latency"]["p95_ms"] <= options.limit_ms and all(camera["state"] == "live" for camera in cameras)
    return [
        len(cameras),
        f"{min(camera['fps'] for camera in cameras):.1f}",
        f"{max(camera['latency']['p50_ms'] for camera in cameras):.1f}",
        f"{worst['latency']['p95_ms']:.1f}",
        f"{max(camera['latency']['p99_ms'] for camera in cameras):.1f}",
        sum(camera["dropped_frames"] for camera in cameras),
        f"{sum(camera['worker']['cpu_percent'] for camera in cameras):.0f}",
        f"{stats['supervisor']['cpu_percent']:.1f}",
        f"{max(memory) / 2**20:.0f}" if all(memory) else "–",
        f"{max(utilization):.0f}" if utilization else "–",
        "yes" if holds else "no",
    ]


def size(text):
    width, height = text.split("x")
    return int(width), int(height)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mien", default=str(ROOT / "target/release/mien"), help="the mien program")
    parser.add_argument("--engine", default="auto", choices=["auto", "cpu", "tensorrt"])
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--size", type=size, default=(1920, 1080), metavar="WIDTHxHEIGHT")
    parser.add_argument("--rate", type=float, default=30.0, help="frames per second")
    parser.add_argument("--seconds", type=int, default=20, help="of each run")
    parser.add_argument("--start-seconds", type=float, default=1.0, help="that each camera may take to start")
    parser.add_argument("--source", default="synthetic?heads=1&seed=SEED", help="SEED becomes the camera's number")
    parser.add_argument("--limit-ms", type=float, default=50.0, help="longest p95 from capture to result")
    options = parser.parse_args()

    heads = ["cameras", "fewest fps", "p50 ms", "p95 ms", "p99 ms", "dropped", "workers CPU %", "supervisor CPU %",
             "GPU MiB a camera", "GPU %", f"p95 ≤ {options.limit_ms:g} ms"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    engine = ""
    for cameras in options.cameras:
        stats = run(options, cameras)
        engine = stats["cameras"][0]["engine"]
        print(f"| {' | '.join(map(str, row(stats, options)))} |", flush=True)
    width, height = options.size
    print(f"\n{width}×{height} at {options.rate:g} Hz, {options.seconds} s each, {engine}; of each column the worst camera")


if __name__ == "__main__":
    main()
