"""Distils the landmark teacher into `LandmarkStudent`; see ../README.md for the schedules.

python -m mien_training.landmarks --shared ../shared --sources .train/sources.npz --out run \
    --minutes 10 [--hold-out asl_book …] [--start checkpoint.pt]
"""

import argparse
import json
import os
import time

import torch
import torch._inductor.config

from . import atlas as atlas_module
from . import photometric, warp
from .evaluate import LandmarkEvaluation, summary
from .groups import landmark_weights
from .students import LandmarkStudent, parameters
from .teacher import LandmarkTeacher

SIZE = 256  # pixels of the teacher's crop
BACKGROUND_SHARE = 1 / 12
SEED = 20


class Batches:
    """Draws training pictures; everything happens on the GPU."""

    def __init__(self, atlas, faces, dtype):
        self.atlas, self.faces, self.dtype = atlas, faces, dtype
        self.chance = torch.cumsum(faces.weight / faces.weight.sum(), 0)
        # A face in each picture of the atlas (the first of all where none is known).
        first = torch.zeros(len(atlas.offset), device=faces.picture.device, dtype=torch.long)
        first[faces.picture] = torch.arange(len(faces.picture), device=first.device)
        self.first_landmarks = faces.landmarks[first][..., :2].contiguous()

    def draw_regions(self, n):
        """Pictures [n], their source positions [n, SIZE, SIZE] and landmarks in crop units."""
        faces, device = self.faces, self.chance.device
        chosen = torch.searchsorted(self.chance, torch.rand(n, device=device)).clamp(max=len(self.chance) - 1)
        old = faces.landmarks[chosen]
        moved = warp.new_landmarks(faces, chosen)
        still = warp.sometimes(n, 0.2, device).view(-1, 1, 1)
        moved = torch.lerp(moved, old, still)
        centre, side, angle = warp.jitter_regions(*warp.regions_around(moved))
        picture = faces.picture[chosen]
        empty = int(n * BACKGROUND_SHARE)
        centre[:empty], side[:empty], angle[:empty] = warp.without_face(self.atlas, picture[:empty])
        linear = warp.crop_frames(side, angle, warp.sometimes(n, 0.5, device))
        field = warp.displacement(old, moved, linear, centre, side)
        x, y = warp.source_positions(linear, centre, field, SIZE)
        places = (moved[..., :2] - centre[:, None]) @ torch.linalg.inv(linear).transpose(1, 2)
        return picture, x, y, places

    def render(self, n):
        """Pictures [n, 3, SIZE, SIZE], their numbers in the atlas and landmarks in crop units."""
        picture, x, y, places = self.draw_regions(n)
        pictures = self.atlas.sample(picture, x, y, warp.sometimes(n, 0.5, x.device), self.dtype)
        return pictures, picture, places

    def occlude(self, pictures, picture, places):
        """Hands, patches and glasses in front of a third of the faces, with real textures."""
        n, device = len(pictures), pictures.device
        atlas = self.atlas
        third = n // 3
        part, shown = pictures[-third:], picture[-third:]
        other = torch.randint(len(atlas.offset), (third,), device=device)
        skin = warp.sometimes(third, 0.5, device)
        texture = torch.where(skin > 0, shown, other)
        centre, side, angle = warp.without_face(atlas, texture)
        cheek, patch = self.cheeks(texture)
        centre = torch.where(skin[:, None] > 0, cheek, centre)
        side = torch.where(skin > 0, patch, side)
        linear = warp.crop_frames(side, angle, torch.zeros_like(side))
        x, y = warp.source_positions(linear, centre, torch.zeros(third, 2, 2, 2, device=device), SIZE)
        cover = atlas.sample(texture, x, y, torch.zeros_like(side), torch.float32)
        hand, shade = photometric.capsules(third, SIZE, device)
        is_hand = photometric.column(warp.sometimes(third, 0.65, device))
        mask = torch.where(is_hand > 0, hand, photometric.blobs(third, SIZE, device))
        cover = cover * torch.where(is_hand > 0, shade, torch.ones_like(shade))
        cover = cover * torch.exp(torch.randn(third, 1, 1, 1, device=device) * 0.2)
        part = torch.lerp(part.float(), cover.clamp(0, 1), mask)
        eighth = n // 8
        framed = photometric.glasses(pictures[:eighth].float(), places[:eighth])
        return torch.cat([framed.to(self.dtype), pictures[eighth:-third], part.to(self.dtype)])

    def cheeks(self, pictures):
        """Centre and side of a patch on a cheek of the face in each of the `pictures`."""
        points = self.first_landmarks[pictures]
        side = (points[:, 454] - points[:, 234]).norm(dim=1)
        which = torch.randint(2, (len(points),), device=points.device)[:, None]
        centre = torch.where(which > 0, points[:, 50], points[:, 280])
        return centre, side * 0.2

    def shuffled(self, *tensors):
        order = torch.randperm(len(tensors[0]), device=tensors[0].device)
        return [t[order] for t in tensors]

    def coloured(self, pictures):
        strength = torch.rand(len(pictures), device=pictures.device) ** 2
        return photometric.recolour(pictures, strength).to(self.dtype)

    def degrade(self, pictures):
        return photometric.degrade(pictures)

    def draw(self, n):
        """Pictures [n, 3, SIZE, SIZE] as the teacher shall see them."""
        pictures = self.occlude(*self.shuffled(*self.render(n)))
        return self.coloured(self.degrade(*self.shuffled(pictures)))


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


def for_student(pictures, size):
    """The same pictures at the student's size with the student's own noise."""
    n, device = len(pictures), pictures.device
    pictures = photometric.to_student_size(pictures, size)
    pictures = photometric.recolour(pictures, torch.rand(n, device=device) ** 2 * 0.7).to(pictures.dtype)
    return photometric.sensor_noise(pictures, torch.rand(n, device=device) ** 2)


def loss_of(landmarks, presence, target, target_presence, weights, size):
    """Mean distance in units of the interocular distance, and the presence terms."""
    landmarks = landmarks.float().view(-1, 478, 3) / size
    target = target / SIZE
    eyes = (target[:, 468] - target[:, 473]).norm(dim=1).clamp(min=0.15)
    difference = (landmarks - target) / eyes[:, None, None]
    flat = (difference[..., :2].square().sum(-1) + 1e-7).sqrt()
    deep = (difference[..., 2].square() + 1e-6).sqrt()
    sure = torch.sigmoid(target_presence - 2)
    distance = ((flat + 0.2 * deep) * weights).mean(1)
    logit, aim = presence.float()[:, 0], target_presence.clamp(-12, 12)
    decided = torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.sigmoid(aim))
    close = torch.nn.functional.smooth_l1_loss(logit, aim, beta=2.0)
    fit = (distance * sure).sum() / sure.sum().clamp(min=1)
    return fit + 0.02 * decided + 0.002 * close, (flat.mean(1) * sure).sum() / sure.sum().clamp(min=1)


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


def learning_rate(progress, peak, warm=0.02, decay=0.35):
    """Warm-up, a plateau, then a linear way down over the last `decay` of the run."""
    if progress < warm:
        return peak * progress / warm
    return peak * min(1.0, (1 - progress) / decay + 0.003)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--hold-out", nargs="*", default=[], help="clips that are not trained on")
    parser.add_argument("--minutes", type=float, default=1e9, help="length by the clock, compilation excluded")
    parser.add_argument("--steps", type=int, default=10**9, help="length in steps")
    parser.add_argument("--batch", type=int, default=768)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.35, help="share of the run in which the rate falls to 0")
    parser.add_argument("--start", help="checkpoint (its plain weights) to go on from")
    parser.add_argument("--clip-share", type=float, default=0.5)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--report-every", type=float, default=60, help="seconds between evaluations")
    return parser.parse_args()


class Training:
    """Everything a run keeps: data, teacher, student, optimiser, weight average."""

    def __init__(self, options):
        self.options, self.step = options, 0
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        half = torch.float16 if self.device == "cuda" else torch.float32
        atlas, faces = atlas_module.load(options.shared, options.sources, options.hold_out, self.device, options.clip_share)
        teacher_file = os.path.join(options.shared, "models", "mediapipe_face_landmarks_detector.onnx")
        on_device = {"device": self.device, "memory_format": torch.channels_last}
        self.model = LandmarkStudent(options.size).to(**on_device)
        teacher = LandmarkTeacher(teacher_file, half).to(**on_device)
        print(f"{len(faces.picture)} faces, {len(atlas.offset)} pictures, student of {parameters(self.model)} weights "
              f"on {self.device}", flush=True)
        self.evaluation = LandmarkEvaluation(options.shared, options.sources, teacher_file, self.device, options.size)
        self.weights = landmark_weights().to(self.device)
        self.clock = Clock(self.device)
        self.batches = Batches(atlas, faces, half)
        compiled = lambda function: Fast(function, not options.no_compile)
        for part in ("render", "occlude", "degrade", "coloured"):
            setattr(self.batches, part, compiled(getattr(self.batches, part)))
        self.label, self.shrink, self.forward = map(compiled, (teacher.forward, for_student, self.model.forward))
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.99), fused=self.device == "cuda")
        self.start()
        self.average = Average(self.model)

    def start(self):
        """Weights from a checkpoint, or a student that answers with the mean face."""
        if self.options.start:
            self.model.load_state_dict(torch.load(self.options.start, map_location=self.device)["model"])
            return
        with torch.no_grad():
            target, logit = self.label(self.batches.draw(self.options.batch))
            sure = torch.sigmoid(logit - 2)
            self.model.start_at((target * sure[:, None, None]).sum(0) / sure.sum() / SIZE)

    def train_step(self, rate):
        """One batch; returns the batch's mean error in units of the interocular distance."""
        options, clock = self.options, self.clock
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.no_grad():
            clock.start(self.step == 30)
            pictures = self.batches.draw(options.batch)
            clock.lap("draw")
            target, logit = self.label(pictures)
            clock.lap("teacher")
            pictures = self.shrink(pictures, options.size)
            clock.lap("noise")
        self.model.train()
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            landmarks, presence = self.forward(pictures)
        loss, error = loss_of(landmarks, presence, target, logit, self.weights, options.size)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.average.update(self.model)
        clock.lap("student")
        self.step += 1
        return error

    def save(self, name, key, state):
        state = {k: v.clone() for k, v in state.items()}
        torch.save({key: state, "step": self.step}, os.path.join(self.options.out, f"{name}.{key}.pt"))

    def report(self):
        """Evaluates and saves the averaged weights."""
        judged = LandmarkStudent(self.options.size).to(self.device)
        judged.load_state_dict(self.average.state)
        results = self.evaluation.run(judged.eval())
        print(summary(results), flush=True)
        self.save("final", "average", self.average.state)
        return results

    def run(self):
        options, progress, begun, elapsed = self.options, 0.0, None, 0.0
        reported, plateau_saved = time.time(), False
        while progress < 1:
            error = self.train_step(learning_rate(progress, options.rate, decay=options.decay))
            if self.step == 10:
                begun = self.clock.now()
            elapsed = time.time() - begun if begun else 0.0
            progress = max(self.step / options.steps, elapsed / 60 / options.minutes)
            if not plateau_saved and progress >= 1 - options.decay:
                plateau_saved = True
                self.save("plateau", "model", self.model.state_dict())
            if self.step % 100 == 0:
                print(f"step {self.step} {progress:.3f} error {100 * error.item():.2f} % "
                      f"{options.batch * (self.step - 10) / elapsed:.0f} pictures/s", flush=True)
            if time.time() - reported > options.report_every:
                self.report()
                reported = time.time()
        self.save("final", "model", self.model.state_dict())
        return {"options": vars(options), "steps": self.step, "seconds": elapsed, "results": self.report()}


def main():
    options = parse()
    os.makedirs(options.out, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    torch._inductor.config.pattern_matcher = False  # torch 2.11 stumbles over slices of a concatenation
    results = Training(options).run()
    with open(os.path.join(options.out, "results.json"), "w") as file:
        json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
