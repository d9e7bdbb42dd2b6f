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

from . import atlas as atlas_module
from . import photometric, scenes, views
from .graphs import Captured, Pool
from .groups import landmark_weights
from .landmarks_import import from_checkpoint, from_onnx, grown
from .students import LANDMARK_STUDENTS, LandmarkStudent, parameters
from .teacher import LandmarkTeacher
from .warp import permutation

TEACHER_SIZE, CROP = 256, 192
SEED = 20
NOISE = 1.5  # in units of 7.6 grey levels of 255
GENTLE = 0.5  # severity of what happens to the pictures towards the end
APART, STILL = 0.45, 0.5  # weights of the agreement between views, and between two noises on one view
POOLED = 4  # batches of scenes kept
BEGUN = time.time()


def finish(crops):
    """Small faces, compression, blur, sharpness, colour: what comes before the sensor's noise."""
    n, device = len(crops), crops.device
    crops = photometric.degrade(crops)
    part = crops[: n // 2]
    blurred = torch.nn.functional.avg_pool2d(part, 3, 1, 1, count_include_pad=False)
    crops[: n // 2] = torch.lerp(blurred, part, photometric.column(photometric.uniform(n // 2, 0.3, 2.2, device)))
    part = crops[n // 4 :]
    crops[n // 4 :] = photometric.recolour(part, torch.rand(len(part), device=device) ** 2)
    return crops


def noisy(crops):
    return photometric.sensor_noise(crops, NOISE * torch.rand(len(crops), device=crops.device) ** 2)


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
    """Distances in units of the interocular distance, agreement between views, presence; and the error.

    The last two views of each scene differ in nothing but the sensor's noise.
    """
    points, eyes = label["points"], interocular(label["points"])[:, None, None]
    seen = views.to_scene(answers.float(), *label["views"], label["size"])
    distance = lambda x: (x[..., :2].square().sum(-1) / eyes**2 + 1e-7).sqrt()
    flat = distance(seen - points[:, None])
    deep = ((seen - points[:, None])[..., 2] * (2 / views.COVER) / eyes).abs()
    apart, still = distance(seen - seen.mean(1, keepdim=True)), distance(seen[:, -1:] - seen[:, -2:-1])
    mean = lambda x: ((x * weights).mean((1, 2)) * label["trust"]).sum() / label["trust"].sum().clamp(min=1)
    logit, is_face = presence.float()[:, 0].view(len(points), -1), label["is_face"][:, None]
    # Newcomers need a logit of 4.6: faces are pushed beyond that, everything else below 0.
    margin = torch.where(is_face > 0, 6.0 - logit, logit + 1.5)
    decided = torch.nn.functional.softplus(margin) * label["counts"][:, None]
    decided = decided.sum() / (label["counts"].sum() * logit.shape[1]).clamp(min=1)
    error = (flat.mean((1, 2)) * label["trust"]).sum() / label["trust"].sum().clamp(min=1)
    return mean(flat) + 0.2 * mean(deep) + APART * mean(apart) + STILL * mean(still) + 0.03 * decided, error


class Average:
    """Moving average of weights and batch statistics; quick at first, then 1 − `rate`."""

    def __init__(self, model, rate=0.001):
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


def learning_rate(progress, peak, warm=0.02, decay=0.9):
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
    parser.add_argument("--resume", help="folder of a run to go on with: weights, their average, the optimiser's state")
    parser.add_argument("--students", nargs="+", default=["grown"], choices=tuple(LANDMARK_STUDENTS))
    parser.add_argument("--deadline", type=float, default=1e9, help="seconds from the program's start to the last step")
    parser.add_argument("--steps", type=int, default=10**9, help="length in steps")
    parser.add_argument("--scenes", type=int, default=216)
    parser.add_argument("--views", type=int, default=3, help="the students' crops of each scene; one more repeats the last")
    parser.add_argument("--pairs", type=int, default=1, help="the teacher's pairs of crops of each scene")
    parser.add_argument("--uses", type=int, default=2, help="how many steps there are to each batch of new scenes")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.9, help="share of the run in which the rate falls to 0")
    parser.add_argument("--first", type=float, default=0.0, help="progress at which the schedule starts (going on)")
    parser.add_argument("--last", type=float, default=1.0, help="progress at which this part of the run ends")
    parser.add_argument("--gentle", type=float, default=0.75, help="progress from which on the pictures are changed less")
    parser.add_argument("--shares", type=float, nargs=3, default=atlas_module.SHARES, help="clips, faces, people")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--eager", action="store_true", help="without CUDA graphs, and with the time of each part")
    parser.add_argument("--save-every", type=float, default=60, help="seconds between checkpoints")
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
        self.model.train()

    def gradients(self, crops, label, weights):
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(crops.device.type, torch.bfloat16, enabled=crops.is_cuda, cache_enabled=False):
            seen = self.model.body(crops * 2 - 1)
        answers, presence = self.model.answers(seen.float())
        answers, presence = (x.index_select(0, label["back"]) for x in (answers, presence))
        loss, error = loss_of(answers, presence, label, weights)
        loss.backward()
        return error.detach()

    def move(self, rate):
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.average.update(self.model)

    def save(self, folder, name, step):
        for key, state in (("average", self.average.state), ("model", self.model.state_dict())):
            saved = {key: {k: v.clone() for k, v in state.items()}, "kind": self.kind, "step": step}
            torch.save(saved, os.path.join(folder, f"{name}.{self.kind}.{key}.pt"))
        state = self.optimiser.state_dict()
        half = lambda values: {k: v.bfloat16() if v.ndim else v for k, v in values.items()}
        state["state"] = {k: half(v) for k, v in state["state"].items()}
        saved = {"optimiser": state, "averaged": self.average.count, "step": step}
        torch.save(saved, os.path.join(folder, f"{name}.{self.kind}.optimiser.pt"))

    def resume(self, folder, device):
        """Goes on where `save` was; returns the step."""
        load = lambda key: torch.load(os.path.join(folder, f"last.{self.kind}.{key}.pt"), map_location=device)
        self.model.load_state_dict(load("model")["model"])
        for value, saved in zip(self.average.state.values(), load("average")["average"].values()):
            value.copy_(saved)
        saved = load("optimiser")
        self.optimiser.load_state_dict(saved["optimiser"])  # which also brings the moments to the weights' precision
        self.average.count = saved["averaged"]
        return saved["step"]


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
        self.teacher = LandmarkTeacher(teacher_file, half).to(device=self.device, memory_format=torch.channels_last)
        self.weights = landmark_weights().to(self.device)
        self.clock = Clock(self.device)
        with torch.no_grad():
            self.scene = self.make()
            self.students = [Student(kind, self.first(kind), options, self.device) for kind in options.students]
        for student in self.students:
            print(f"{student.kind}: {parameters(student.model)} weights", flush=True)
            if options.resume:
                self.step = student.resume(options.resume, self.device)
        self.pool = None
        self.capture()

    def capture(self):
        """New graphs: what the old ones do is fixed."""
        on = self.device == "cuda" and not self.options.eager
        self.make_scenes, self.gradients = Captured(self.make, on), Captured(self.learn, on)

    def first(self, kind):
        """The student to start with."""
        start = self.options.start
        if start is None:
            return LandmarkStudent(**LANDMARK_STUDENTS[kind])
        if not start.endswith(".onnx"):
            return from_checkpoint(start.replace("KIND", kind), self.device)
        found, wanted = from_onnx(start, self.crops()[0]), LandmarkStudent(**LANDMARK_STUDENTS[kind])
        return found if parameters(found) == parameters(wanted) else grown(found, kind)

    @torch.no_grad()
    def make(self):
        """New scenes as the students see them, with everything that labels them."""
        options, device, n = self.options, self.device, self.options.scenes
        scene = scenes.Scenes(*self.maker.render_parts(n))
        self.clock.lap("render")
        seen = views.teacher_views(n, options.pairs, device)
        answers, logits = self.teacher(views.look(scene.pictures, *seen[:2], TEACHER_SIZE))
        points, trust, logit = labels_of(answers, logits, scene.places, *seen)
        self.clock.lap("teacher")
        # Where the teacher sees the face (a mirrored face has its own left and right again).
        scene.places = torch.where((scene.face & (trust > 0)).view(-1, 1, 1), points[..., :2], scene.places)
        pictures, covered = self.maker.dress(scene, permutation(n, device))
        is_face, counts = presence_labels(scene, covered, logit)
        self.clock.lap("dress")
        return {"pictures": pictures, "places": scene.places, "points": points, "face": scene.face,
                "trust": trust * scene.face * (1 - covered), "is_face": is_face, "counts": counts}

    @torch.no_grad()
    def crops(self):
        """Crops for the students [n · (views + 1), 3, 192, 192] of `self.scene`, and what labels them. All but the last n
        are in random order; those are the scenes' last views with other noise."""
        scene, device, severity = self.scene, self.device, self.maker.severity
        n, count = len(scene["points"]), self.options.views
        looks = views.student_views(n, count, torch.where(scene["face"], 1.0, 0.3), device, severity)
        order, again = permutation(n * count, device), permutation(n * count, device)
        crops = scenes.student_crops(scene["pictures"], scene["places"], *looks[:2], CROP, order, severity)
        self.clock.lap("light")
        back = torch.argsort(order[again]).view(n, count)
        crops = finish(crops[again])
        crops = noisy(torch.cat([crops, crops[back[:, -1]]]))
        self.clock.lap("noise")
        twins = torch.arange(n * count, n * (count + 1), device=device)
        label = {key: scene[key] for key in ("points", "trust", "is_face", "counts")}
        label["views"] = [torch.cat([x, x[:, -1:]], 1) for x in looks]
        return crops, label | {"size": CROP, "back": torch.cat([back, twins[:, None]], 1).flatten()}

    def learn(self):
        """The students' gradients on `self.scene`; returns each one's mean error in units of the interocular distance."""
        crops, label = self.crops()
        crops = crops.contiguous(memory_format=torch.channels_last)
        return [student.gradients(crops, label, self.weights) for student in self.students]

    def train_step(self, rate):
        self.clock.start(self.options.eager and self.step == 30)
        if self.pool is None:
            self.pool = Pool(self.make_scenes, POOLED)
        elif self.step % self.options.uses == 0:
            self.pool.put(self.make_scenes())
        self.scene = self.pool.draw()
        self.clock.lap("draw")
        errors = self.gradients()
        self.clock.lap("students")
        for student in self.students:
            student.move(rate)
        self.clock.lap("optimiser")
        self.step += 1
        return errors

    def save(self, name):
        for student in self.students:
            student.save(self.options.out, name, self.step)

    def run(self):
        options, progress, begun, saved = self.options, self.options.first, None, time.time()
        start = self.step
        while progress < options.last:
            if progress >= options.gentle and self.maker.severity > GENTLE:
                self.maker.severity = GENTLE
                self.capture()
            rate = learning_rate(progress, options.rate, decay=options.decay)
            if not options.resume:  # a new optimiser has no moments yet
                rate *= min(1.0, (self.step + 1) / 100)
            errors = self.train_step(rate)
            done = self.step - start
            if done == 10:
                begun = self.clock.now()
            elapsed = time.time() - begun if begun else 0.0
            by_clock = elapsed / max(options.deadline - (begun - BEGUN), 1.0) if begun else 0.0
            progress = options.first + (options.last - options.first) * max(done / options.steps, by_clock)
            if self.step % 20 == 0:
                self.clock.now()  # lets the GPU catch up, so that the clock tells the truth
            if self.step % 200 == 0:
                shown = ", ".join(f"{s.kind} {100 * e.item():.2f} %" for s, e in zip(self.students, errors))
                print(f"{time.time() - BEGUN:.0f} s: step {self.step} {progress:.3f} error {shown}, "
                      f"{1000 * elapsed / max(done - 10, 1):.1f} ms a step", flush=True)
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
    results = Training(options).run()
    with open(os.path.join(options.out, "training.json"), "w") as file:
        json.dump(results, file, indent=1)
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
