"""Distils the landmark teacher into `LandmarkStudent`; see ../README.md for the schedule.

python -m mien_training.landmarks --shared ../shared --sources .train/sources.npz --out run \
    --start models/landmarks.onnx --students grown --deadline 500

Each scene is seen by the teacher through regions in opposite pairs, clean, and by the students
through others, with glasses, hands, other light and noise. All share one label: the teacher's mean.
"""

import argparse
import json
import os
import time

import torch
import torch._inductor.config

from . import atlas as atlas_module
from . import photometric, scenes, views
from .groups import landmark_weights
from .landmarks_import import from_checkpoint, from_onnx, grown
from .students import LANDMARK_STUDENTS, LandmarkStudent, parameters
from .teacher import LandmarkTeacher

TEACHER_SIZE, CROP = 256, 192
SEED = 20
BEGUN = time.time()


class Fast:
    """A compiled function that says so and goes on uncompiled where compilation fails."""

    def __init__(self, function, wanted):
        self.plain, self.function = function, torch.compile(function, dynamic=False) if wanted else function
        self.proven = not wanted

    def __call__(self, *arguments):
        if self.proven:
            return self.function(*arguments)
        try:
            result = self.function(*arguments)
        except torch._dynamo.exc.TorchDynamoException as error:
            print(f"not compiled: {self.plain}: {str(error)[:300]}", flush=True)
            self.function, result = self.plain, self.plain(*arguments)
        self.proven = True
        return result


def finish(crops):
    """Small faces, compression, blur, sharpness, colour, sensor noise: the last steps to the student."""
    n, device = len(crops), crops.device
    crops = photometric.degrade(crops)
    part = crops[: n // 2]
    blurred = torch.nn.functional.avg_pool2d(part, 3, 1, 1, count_include_pad=False)
    crops[: n // 2] = torch.lerp(blurred, part, photometric.column(photometric.uniform(n // 2, 0.3, 2.2, device)))
    part = crops[n // 4 :]
    crops[n // 4 :] = photometric.recolour(part, torch.rand(len(part), device=device) ** 2)
    return photometric.sensor_noise(crops, torch.rand(n, device=device) ** 2)


def labels_of(answers, logits, places, middle, linear, zoom):
    """The teacher's mean over its views, in the scene: landmarks [n, 478, 3], trust [n], presence logit [n]."""
    seen = views.to_scene(answers, middle, linear, zoom, TEACHER_SIZE)
    mean = seen.mean(1)
    eyes = interocular(mean)
    spread = (seen - mean[:, None])[..., :2].norm(dim=-1).mean((1, 2)) / eyes
    # Where the face was put, whichever way round: a mirrored scene swaps the landmarks' sides.
    low, size = places.amin(1), places.amax(1) - places.amin(1)
    label_low, label_size = mean[..., :2].amin(1), mean[..., :2].amax(1) - mean[..., :2].amin(1)
    off = (low + size / 2 - label_low - label_size / 2).norm(dim=1) / eyes
    astray = off + (size / label_size.clamp(min=1e-3)).clamp(1e-3, 1e3).log().abs().amax(1)
    logit = logits.view(len(mean), -1).mean(1)
    trust = torch.sigmoid(logit + 1) / (1 + (spread / 0.08) ** 2) * (astray < 0.6)
    return mean, trust, logit


def interocular(landmarks):
    return (landmarks[:, 468, :2] - landmarks[:, 473, :2]).norm(dim=1).clamp(min=0.12)


def presence_labels(scene, covered, logit):
    """Whether each scene shows a face (1 or 0), and how much that counts."""
    surely = scene.face & (covered < 0.6)
    nothing = scene.nothing & (logit < scenes.SURE_FACE) | ~scene.face & (logit < scenes.SURE_NOTHING)
    found = ~scene.face & ~scene.nothing & (logit > 6)
    return (surely | found).float(), (surely | found | nothing).float()


def loss_of(answers, presence, label, weights):
    """Distances in units of the interocular distance, agreement between views, presence; and the error."""
    points, eyes = label["points"], interocular(label["points"])[:, None, None]
    seen = views.to_scene(answers.float(), *label["views"], label["size"])
    flat = ((seen - points[:, None])[..., :2].square().sum(-1) / eyes**2 + 1e-7).sqrt()
    deep = ((seen - points[:, None])[..., 2] * (2 / views.COVER) / eyes).abs()
    apart = ((seen - seen.mean(1, keepdim=True))[..., :2].square().sum(-1) / eyes**2 + 1e-7).sqrt()
    mean = lambda x: ((x * weights).mean((1, 2)) * label["trust"]).sum() / label["trust"].sum().clamp(min=1)
    logit, is_face = presence.float()[:, 0].view(len(points), -1), label["is_face"][:, None]
    # Newcomers need a logit of 4.6: faces are pushed beyond that, everything else below 0.
    margin = torch.where(is_face > 0, 6.0 - logit, logit + 1.5)
    decided = torch.nn.functional.softplus(margin) * label["counts"][:, None]
    decided = decided.sum() / (label["counts"].sum() * logit.shape[1]).clamp(min=1)
    error = (flat.mean((1, 2)) * label["trust"]).sum() / label["trust"].sum().clamp(min=1)
    return mean(flat) + 0.2 * mean(deep) + 0.3 * mean(apart) + 0.03 * decided, error


class Average:
    """Moving average of weights and batch statistics; quick at first, then 1 − `rate`."""

    def __init__(self, model, rate=0.002):
        self.rate, self.count = rate, 0
        self.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def update(self, model):
        self.count += 1
        share = max(self.rate, 1 / (1 + self.count / 10))
        floats = [(a, b) for a, b in zip(self.state.values(), model.state_dict().values()) if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], share)


class Clock:
    """Prints how long the parts of one step take."""

    def __init__(self, device):
        self.cuda, self.on = device == "cuda", False

    def now(self):
        if self.cuda:
            torch.cuda.synchronize()
        return time.time()

    def start(self, on):
        self.on = on
        if on:
            self.last = self.now()

    def lap(self, name):
        if self.on:
            now = self.now()
            print(f"{name}: {1000 * (now - self.last):.1f} ms", flush=True)
            self.last = now


def learning_rate(progress, peak, warm=0.02, decay=0.45):
    """Warm-up, a plateau, then a linear way down over the last `decay` of the run."""
    if progress < warm:
        return peak * progress / warm
    return peak * min(1.0, (1 - progress) / decay + 0.003)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--start", help="an ONNX file, or checkpoints: KIND is replaced by each student's kind")
    parser.add_argument("--students", nargs="+", default=["grown"], choices=tuple(LANDMARK_STUDENTS))
    parser.add_argument("--deadline", type=float, default=1e9, help="seconds from the program's start to the last step")
    parser.add_argument("--steps", type=int, default=10**9, help="length in steps")
    parser.add_argument("--scenes", type=int, default=216)
    parser.add_argument("--views", type=int, default=4, help="the students' crops of each scene")
    parser.add_argument("--pairs", type=int, default=1, help="the teacher's pairs of crops of each scene")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.45, help="share of the run in which the rate falls to 0")
    parser.add_argument("--first", type=float, default=0.0, help="progress at which the schedule starts (going on)")
    parser.add_argument("--shares", type=float, nargs=3, default=atlas_module.SHARES, help="clips, faces, people")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--compile", action="store_true", help="takes minutes at first, then half the time a step")
    parser.add_argument("--save-every", type=float, default=90, help="seconds between checkpoints")
    return parser.parse_args()


class Student:
    """One student with its optimiser and its weight average."""

    def __init__(self, kind, model, options, device):
        self.kind = kind
        self.model = model.to(device=device, memory_format=torch.channels_last)
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.99), fused=device == "cuda")
        self.average = Average(self.model)
        self.forward = Fast(self.model.forward, options.compile)

    def learn(self, crops, label, weights, rate):
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.model.train()
        with torch.autocast(crops.device.type, torch.bfloat16, enabled=crops.is_cuda):
            answers, presence = self.forward(crops)
        answers, presence = answers[label["back"]], presence[label["back"]]
        loss, error = loss_of(answers, presence, label, weights)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.average.update(self.model)
        return error

    def save(self, folder, name, step):
        for key, state in (("average", self.average.state), ("model", self.model.state_dict())):
            saved = {key: {k: v.clone() for k, v in state.items()}, "kind": self.kind, "step": step}
            torch.save(saved, os.path.join(folder, f"{name}.{self.kind}.{key}.pt"))


class Training:
    """Everything a run keeps: data, teacher, students."""

    def __init__(self, options):
        self.options, self.step = options, 0
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        half = torch.float16 if self.device == "cuda" else torch.float32
        atlas, faces, others = atlas_module.load(options.shared, options.sources, self.device, options.shares)
        print(f"{time.time() - BEGUN:.0f} s: {len(faces.picture)} faces, {len(others.picture)} places without, "
              f"{len(atlas.offset)} pictures on {self.device}", flush=True)
        self.maker = scenes.SceneMaker(atlas, faces, others)
        teacher_file = os.path.join(options.shared, "models", "mediapipe_face_landmarks_detector.onnx")
        teacher = LandmarkTeacher(teacher_file, half).to(device=self.device, memory_format=torch.channels_last)
        compiled = lambda function: Fast(function, options.compile)
        self.render, self.label = compiled(self.maker.render_parts), compiled(teacher.forward)
        self.crops, self.finish = compiled(scenes.student_crops), compiled(finish)
        self.weights = landmark_weights().to(self.device)
        self.clock = Clock(self.device)
        self.students = [Student(kind, self.first(kind), options, self.device) for kind in options.students]
        for student in self.students:
            print(f"{student.kind}: {parameters(student.model)} weights", flush=True)

    def first(self, kind):
        """The student to start with."""
        start = self.options.start
        if start is None:
            return LandmarkStudent(**LANDMARK_STUDENTS[kind])
        if not start.endswith(".onnx"):
            return from_checkpoint(start.replace("KIND", kind), self.device)
        with torch.no_grad():
            crops, _ = self.batch()
        found, wanted = from_onnx(start, crops.float()), LandmarkStudent(**LANDMARK_STUDENTS[kind])
        return found if parameters(found) == parameters(wanted) else grown(found, kind)

    def batch(self):
        """Crops for the students in random order [m, 3, 192, 192], and everything that labels them."""
        options, device, n = self.options, self.device, self.options.scenes
        scene = scenes.Scenes(*self.render(n))
        self.clock.lap("render")
        seen = views.teacher_views(n, options.pairs, device)
        answers, logits = self.label(views.look(scene.pictures, *seen[:2], TEACHER_SIZE))
        points, trust, logit = labels_of(answers, logits, scene.places, *seen)
        self.clock.lap("teacher")
        # Where the teacher sees the face (a mirrored face has its own left and right again).
        scene.places = torch.where((scene.face & (trust > 0)).view(-1, 1, 1), points[..., :2], scene.places)
        pictures, covered = self.maker.dress(scene, torch.randperm(n, device=device))
        self.clock.lap("dress")
        is_face, counts = presence_labels(scene, covered, logit)
        looks = views.student_views(n, options.views, torch.where(scene.face, 1.0, 0.3), device)
        order = torch.randperm(n * options.views, device=device)
        crops = self.crops(pictures, scene.places, *looks[:2], CROP, order)
        self.clock.lap("light")
        order = order[(again := torch.randperm(len(order), device=device))]
        crops = self.finish(crops[again])
        self.clock.lap("noise")
        label = {"points": points, "trust": trust * scene.face * (1 - covered), "is_face": is_face, "counts": counts,
                 "views": looks, "size": crops.shape[-1], "back": torch.argsort(order)}
        return crops, label

    def train_step(self, rate):
        """One batch; returns each student's mean error in units of the interocular distance."""
        self.clock.start(self.step == 30)
        with torch.no_grad():
            crops, label = self.batch()
            crops = crops.contiguous(memory_format=torch.channels_last)
        errors = []
        for student in self.students:
            errors.append(student.learn(crops, label, self.weights, rate))
            self.clock.lap(f"student {student.kind}")
        self.step += 1
        return errors

    def save(self, name):
        for student in self.students:
            student.save(self.options.out, name, self.step)

    def run(self):
        options, progress, begun, saved = self.options, self.options.first, None, time.time()
        while progress < 1:
            errors = self.train_step(learning_rate(progress, options.rate, decay=options.decay))
            if self.step == 10:
                begun = self.clock.now()
            elapsed = time.time() - begun if begun else 0.0
            by_clock = elapsed / max(options.deadline - (begun - BEGUN), 1.0) if begun else 0.0
            progress = options.first + (1 - options.first) * max(self.step / options.steps, by_clock)
            if self.step % 100 == 0:
                shown = ", ".join(f"{s.kind} {100 * e.item():.2f} %" for s, e in zip(self.students, errors))
                print(f"{time.time() - BEGUN:.0f} s: step {self.step} {progress:.3f} error {shown}, "
                      f"{options.scenes * options.views * (self.step - 10) / elapsed:.0f} crops/s", flush=True)
            if time.time() - saved > options.save_every:
                self.save("last")
                saved = time.time()
        self.save("last")
        return {"options": vars(options), "steps": self.step, "seconds": elapsed, "all_seconds": time.time() - BEGUN}


def main():
    options = parse()
    os.makedirs(options.out, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    torch._inductor.config.pattern_matcher = False  # torch 2.11 stumbles over slices of a concatenation
    results = Training(options).run()
    with open(os.path.join(options.out, "training.json"), "w") as file:
        json.dump(results, file, indent=1)
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
