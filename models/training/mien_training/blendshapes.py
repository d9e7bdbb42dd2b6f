"""Distils the blendshape teacher into `BlendshapeStudent`; see ../README.md for the schedule.

python -m mien_training.blendshapes --shared ../shared --sources .train/sources.npz --out run --steps 20000
"""

import argparse
import glob
import json
import os
import time

import numpy as np
import torch

from . import warp
from .atlas import SURE_PRESENCE, Faces, unpose
from .landmarks import learning_rate
from .people_split import held_out
from .sources import name_of, people_paths
from .students import BlendshapeStudent, parameters
from .teacher import BlendshapeTeacher

SEED = 21
TESTS = ("faces/test", "people/held out")
DEAD = 0.05  # a coefficient that no face brings above this


def point_indices(shared):
    """The 146 landmarks that the model reads, in order."""
    return np.loadtxt(os.path.join(shared, "reference", "blendshape_input_indices.txt"), dtype=int).reshape(-1)


def coefficient_names(shared):
    with open(os.path.join(shared, "reference", "blendshape_names.txt")) as file:
        return file.read().split()


def sequences(shared, sources):
    """Per clip, landmarks [n, 478, 3] in pixels of its frames, as the landmark teacher gives them."""
    table = dict(np.load(sources))
    clips = [name_of(path) for path in sorted(glob.glob(os.path.join(shared, "clips", "*.m*")))]
    sure = table["presence"] >= SURE_PRESENCE
    found = {clip: table["landmarks"][sure & (table["name"] == clip)] for clip in clips}
    people = {name_of(path): held_out(path) for path in people_paths(shared)}
    for key, wanted in (("people/held out", True), ("people/train", False)):
        found[key] = table["landmarks"][sure & np.array([people.get(str(n)) is wanted for n in table["name"]])]
    others = ~np.isin(table["name"], clips) & sure & ~np.isin(table["name"], list(people))
    tests = np.array([name_of(p) for p in glob.glob(os.path.join(shared, "faces", "test", "*"))])
    found["faces/test"] = table["landmarks"][others & np.isin(table["name"], tests)]
    found["faces/train"] = table["landmarks"][others & ~np.isin(table["name"], tests)]
    return found


def known_faces(found, held_out_clips, device):
    """Faces to vary, from every sequence but the held-out ones and the test people."""
    landmarks = np.concatenate([v for k, v in found.items() if k not in (*held_out_clips, *TESTS)]).astype(np.float64)
    shape, rotation, scale, centre = unpose(landmarks)
    to = lambda values: torch.as_tensor(values, dtype=torch.float32, device=device)
    weight = torch.ones(len(landmarks), device=device)
    picture = torch.arange(len(landmarks), device=device)
    return Faces(picture, to(landmarks), to(shape), to(rotation), to(scale), to(centre), weight)


def draw_points(faces, indices, n):
    """Points [n, 146, 2]: known faces as they are or moved, tilted, mirrored nowhere, with jitter."""
    device = faces.picture.device
    chosen = torch.randint(len(faces.picture), (n,), device=device)
    old = faces.landmarks[chosen]
    amount = warp.sometimes(n, 0.65, device) * torch.rand(n, device=device).sqrt()
    points = torch.lerp(old, warp.new_landmarks(faces, chosen), amount.view(-1, 1, 1))[:, indices, :2]
    centre, scale = points.mean(1, keepdim=True), faces.scale[chosen].view(-1, 1, 1)
    angle = torch.randn(n, device=device) * 0.2 * warp.sometimes(n, 0.5, device)
    cos, sin = angle.cos().view(-1, 1), angle.sin().view(-1, 1)
    free = (points - centre) / scale
    free = torch.stack([cos * free[..., 0] - sin * free[..., 1], sin * free[..., 0] + cos * free[..., 1]], -1)
    stretch = 1 + 0.04 * torch.randn(n, 1, 2, device=device) * warp.sometimes(n, 0.5, device).view(-1, 1, 1)
    jitter = torch.randn_like(free) * (0.012 * torch.rand(n, 1, 1, device=device) ** 2)
    return (free * stretch + jitter) * 100


def judge(student, teacher, found, indices, names):
    """Mean absolute differences per set, and per coefficient over all clips."""
    results, all_clips = {}, []
    for name, landmarks in found.items():
        points = torch.from_numpy(np.ascontiguousarray(landmarks[:, indices, :2])).float()
        difference = np.abs(student(points) - teacher(points))
        results[name] = {"faces": len(points), "mean": float(difference.mean()),
                         "worst coefficient": float(difference.mean(0).max()), "p99": float(np.percentile(difference, 99))}
        if not name.startswith(("faces/", "people/")):
            all_clips.append(difference)
    each = np.concatenate(all_clips).mean(0)
    results["all clips"] = {"faces": sum(map(len, all_clips)), "mean": float(each.mean()), "worst coefficient": float(each.max()),
                            "p99": float(np.percentile(np.concatenate(all_clips), 99)),
                            "coefficients": {n: float(v) for n, v in zip(names, each)}}
    return results


def summary(results):
    lines = [f"{'set':28}{'faces':>7}{'mean':>9}{'worst':>9}{'p99':>9}"]
    for name, r in results.items():
        lines.append(f"{name:28}{r['faces']:7d}{r['mean']:9.4f}{r['worst coefficient']:9.4f}{r['p99']:9.4f}")
    worst = sorted(results["all clips"]["coefficients"].items(), key=lambda pair: -pair[1])[:8]
    return "\n".join([*lines, "largest: " + ", ".join(f"{n} {v:.4f}" for n, v in worst)])


def start_from(student, path):
    """Takes over the weights of an exported student."""
    import onnx
    from onnx import numpy_helper

    arrays = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in onnx.load(path).graph.initializer}
    student.load_state_dict({name: arrays[name] for name in student.state_dict()})


def dead_coefficients(teacher, found, indices, names):
    """(name, highest value) of the teacher's coefficients that no face of the data brings above DEAD."""
    points = torch.from_numpy(np.concatenate([v[:, indices, :2] for v in found.values()])).float()
    highest = teacher(points).max(0)
    return [(n, float(h)) for n, h in zip(names, highest) if h < DEAD]


def as_function(model, device):
    def run(points):
        with torch.no_grad():
            return torch.cat([model(part.to(device)).cpu() for part in points.split(512)]).numpy()

    return run


def teacher_of(shared, device):
    return BlendshapeTeacher(os.path.join(shared, "models", "mediapipe_face_blendshapes.onnx")).to(device)


def evaluate_file(path, shared, sources):
    """Judges an ONNX file with onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    student = lambda points: session.run(None, {"points": points.numpy()})[0]
    results = judge(student, as_function(teacher_of(shared, "cpu"), "cpu"), sequences(shared, sources),
                    point_indices(shared), coefficient_names(shared))
    print(summary(results))
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--hold-out", nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--seconds", type=float, default=1e9, help="longest time")
    parser.add_argument("--start", help="an exported file whose weights to go on from")
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    torch.manual_seed(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    found, indices = sequences(options.shared, options.sources), point_indices(options.shared)
    faces, teacher = known_faces(found, options.hold_out, device), teacher_of(options.shared, device)
    student = BlendshapeStudent().to(device)
    if options.start:
        start_from(student, options.start)
    print(f"{len(faces.picture)} faces, student of {parameters(student)} weights", flush=True)
    index = torch.as_tensor(indices, device=device)
    optimiser = torch.optim.AdamW(student.parameters(), lr=options.rate, weight_decay=0.01, fused=device == "cuda")
    step, progress, begun = 0, 0.0, time.time()
    while progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(progress, options.rate, warm=0.05, decay=0.9)
        with torch.no_grad():
            points = draw_points(faces, index, options.batch)
            target = teacher(points)
        difference = student(points) - target
        loss = difference.abs().mean() + 2 * difference.square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 500 == 0:
            print(f"step {step} mean difference {difference.abs().mean().item():.4f}", flush=True)
        progress = max(step / options.steps, (time.time() - begun) / options.seconds)
    print(f"{step} steps in {time.time() - begun:.0f} s", flush=True)
    torch.save({"model": student.state_dict(), "step": step}, os.path.join(options.out, "blendshapes.pt"))
    names, taught = coefficient_names(options.shared), as_function(teacher, device)
    results = judge(as_function(student.eval(), device), taught, found, indices, names)
    print(summary(results), flush=True)
    dead = dead_coefficients(taught, found, indices, names)
    print("dead in the teacher: " + ", ".join(f"{n} ({h:.4f} at most)" for n, h in dead), flush=True)
    with open(os.path.join(options.out, "blendshapes.json"), "w") as file:
        json.dump({"options": vars(options), "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
