"""Distils the RetinaFace teacher into the student on composites made on the same device.

    python -m mien_training.detector_train --data .traindet --out out --minutes 9
    torchrun --nproc-per-node 3 -m mien_training.detector_train --data .traindet --out out --minutes 9

Under torchrun every process has its own device and pictures; batches are each process's. Stops by
the first one's clock, with the learning rate's cosine laid over the given minutes, and writes
`detector.pt`, from time to time and at the end: the averaged weights, ready for `detector_export`.
"""

import argparse
import copy
import math
import os
import time

import torch
import torch.nn.functional as F

from . import detector_model as model
from . import detector_photos
from .detector_compose import Composer, Recipe
from .detector_import import calibrate, load_onnx
from .detector_labels import targets, true_targets
from .detector_layers import constant
from .detector_prepare import SPLIT_TRAIN, load
from .detector_processes import Processes, commit

# height, width, pictures, share of the steps
SHAPES = ((480, 640, 48, 0.55), (256, 320, 144, 0.45))
AGREE_EVERY = 8  # steps between looks at the clock
HARD_SCORE = 0.15  # a face-free picture in which the student sees this much is kept
HARD_PER_STEP = 6


def network_input(bgr):
    mean = constant(model.BGR_MEAN, bgr.device).view(1, 3, 1, 1)
    return (bgr - mean).contiguous(memory_format=torch.channels_last)


def losses(out, wanted):
    loc, logit, landms = (t.float() for t in out)
    target, weight, want_loc, want_landms, shape_weight = wanted
    bce = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    gap = (torch.sigmoid(logit) - target).abs()
    count = (target * (weight > 0)).sum().clamp(min=1)
    face = (weight * gap**1.5 * bce).sum() / count
    shape_count = shape_weight.sum().clamp(min=1)
    box = F.smooth_l1_loss(loc, want_loc, reduction="none", beta=0.2).sum(-1)
    points = F.smooth_l1_loss(landms, want_landms, reduction="none", beta=0.2).sum(-1)
    return face, (box * shape_weight).sum() / shape_count, (points * shape_weight).sum() / shape_count


class HardPictures:
    """Face-free pictures in which the student lately saw faces, to be shown again.

    One ring a picture size. They come back mirrored and with new exposure, noise and JPEG, as the
    last `share` of a batch. Nothing here waits for the device.
    """

    def __init__(self, share, capacity, composer):
        self.share, self.capacity, self.composer = share, capacity, composer
        self.rings, self.seen = {}, {}

    def ring(self, size):
        if size not in self.rings:
            device = self.composer.device
            # one more place, for what is not kept
            self.rings[size] = torch.zeros((self.capacity + 1, 3, *size), dtype=torch.uint8, device=device)
            self.seen[size] = torch.zeros((), dtype=torch.long, device=device)
        return self.rings[size], self.seen[size]

    def number(self, batch):
        return int(batch * self.share)

    def keep(self, made, logit):
        """Takes the worst new pictures of a batch, by the student's face logits [B,A]."""
        fresh = len(made.clean) - self.number(len(made.clean))
        faceless = made.visible[:fresh].sum(1) == 0
        score = torch.sigmoid(logit[:fresh].float().amax(1)) * faceless
        worst, index = score.topk(min(HARD_PER_STEP, fresh))
        ring, seen = self.ring(tuple(made.clean.shape[2:]))
        wanted = worst > HARD_SCORE
        place = torch.where(wanted, (seen + wanted.cumsum(0) - 1) % self.capacity, self.capacity)
        ring[place] = made.clean[index].round().to(torch.uint8)
        seen += wanted.sum()

    def replace(self, out, visible):
        """For `Composer.make`: puts kept pictures in the place of the last ones, once there are enough."""
        number = self.number(len(out))
        if not number:
            return out, visible
        ring, seen = self.ring(tuple(out.shape[2:]))
        stored = seen.clamp(max=self.capacity)
        index = (torch.rand(number, generator=self.composer.rng, device=out.device) * stored).long()
        pictures = ring[index].float()
        pictures = torch.where(self.composer.chance(0.5, number, 1, 1, 1), pictures.flip(3), pictures)
        enough = stored >= 4 * number
        out = torch.cat((out[:-number], torch.where(enough, pictures, out[-number:])))
        shown = visible[-number:] * ~enough
        return out, torch.cat((visible[:-number], shown))


class Average:
    """Exponential average of weights and statistics, quicker at the start."""

    def __init__(self, net, decay):
        self.net, self.decay, self.steps = copy.deepcopy(net).eval(), decay, 0

    @torch.no_grad()
    def update(self, net):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        new = [t for t in net.state_dict().values() if t.is_floating_point()]
        old = [t for t in self.net.state_dict().values() if t.is_floating_point()]
        torch._foreach_lerp_(old, new, 1 - decay)

    def save(self, path):
        """Replaces the file at once: whoever reads it meanwhile has the last one whole."""
        torch.save({k: v.float().cpu() for k, v in self.net.state_dict().items()}, f"{path}.part")
        os.replace(f"{path}.part", path)


def make_composer(args, processes):
    stores = [detector_photos.load(path) if path else None for path in (args.photos, args.lettering)]
    recipe = Recipe(
        args.empty, args.occluders, args.clutter, args.turned, args.size_power, args.variety, args.ovals,
        args.people, args.portraits, args.covers, args.harsh, args.lens,
    )  # fmt: skip
    return Composer(
        load(f"{args.data}/detector_data.npz"), SPLIT_TRAIN, processes.device,
        args.seed + 1000 * processes.rank, args.compile, args.all_clips, recipe, *stores, args.seed,
    )  # fmt: skip


def start_student(args, composer):
    net = model.Student()
    if args.resume:
        net = model.Student.load(args.resume)
    if args.resume_onnx:
        net = load_onnx(args.resume_onnx).to(composer.device)
        sizes = [(h, w, max(1, batch // args.shrink)) for h, w, batch, _ in SHAPES for _ in range(4)]
        calibrate(net, (network_input(composer.make(b, h, w).degraded) for h, w, b in sizes))
    if args.grow:
        net = net.grown(args.grow)
    return net.to(composer.device, memory_format=torch.channels_last).train()


def optimizer_of(net, rate):
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate)


def wanted_answers(teacher, teacher_type, composites, priors, args):
    if args.truth:
        return true_targets(composites, priors, args)
    with torch.no_grad():
        taught = teacher(network_input(composites.clean).to(teacher_type))
    return targets(taught, composites, priors, args)


def compile_composer(args, composer, processes, start):
    for height, width, batch, _ in SHAPES:
        composer.make(max(1, batch // args.shrink), height, width, faces=1)
        processes.say(f"compiled for {width}×{height} after {time.time() - start:.1f} s")


def train(args):
    processes = Processes(args.device)
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    device = processes.device
    half = torch.bfloat16 if device.type == "cuda" else torch.float32
    start = time.time()
    settings = " ".join(f"{name}={value}" for name, value in vars(args).items())
    processes.say(f"commit {commit()}, {processes.count} processes, torch {torch.__version__}; settings: {settings}")
    composer = make_composer(args, processes)
    teacher_type = torch.float16 if device.type == "cuda" else torch.float32
    teacher = model.Teacher(f"{args.data}/retinaface_mnet025_640x640.onnx").eval()
    teacher = teacher.to(device, teacher_type, memory_format=torch.channels_last)
    net = start_student(args, composer)
    hard = HardPictures(args.hard, args.hard_capacity, composer)
    average = Average(net, args.average)
    optimizer = optimizer_of(net, args.rate)
    priors = {s[:2]: model.anchors(s[0], s[1], device) for s in SHAPES}
    shape_rng = torch.Generator().manual_seed(args.seed)
    shares = torch.tensor([s[3] for s in SHAPES])
    processes.say(f"ready after {time.time() - start:.1f} s: {len(composer.faces)} faces, "
                  f"{len(composer.frames)} frames, {len(composer.backdrops)} backdrops")  # fmt: skip
    if args.compile:
        compile_composer(args, composer, processes, start)
    student = processes.together(net)
    # the schedule is a function of the first process's clock, looked at every few steps
    end, start = processes.agree(start + 60 * args.minutes), processes.agree(time.time())
    saved, step, pictures, logged = start, 0, 0, torch.zeros(3, device=device)
    while True:
        if step % AGREE_EVERY == 0:
            now = processes.agree(time.time())
            done = (now - start) / (end - start)
            if processes.rank == 0 and now - saved > args.save_seconds:
                average.save(f"{args.out}/detector.pt")
                saved = now
        if done >= 1 or step == args.steps:
            break
        warm = min(1.0, (step + 1) / 200)
        for group in optimizer.param_groups:
            group["lr"] = args.rate * warm * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-6
        height, width, batch, _ = SHAPES[int(torch.multinomial(shares, 1, generator=shape_rng))]
        batch = max(1, batch // args.shrink)
        composites = composer.make(batch, height, width, replace=hard.replace)
        wanted = wanted_answers(teacher, teacher_type, composites, priors[height, width], args)
        with torch.autocast(device.type, half, enabled=half != torch.float32):
            out = student(network_input(composites.degraded))
        parts = losses(out, wanted)
        loss = sum(w * p for w, p in zip(args.weights, parts))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average.update(net)
        if args.hard:
            hard.keep(composites, out[1].detach())
        step, pictures = step + 1, pictures + batch * processes.count
        logged += torch.stack([p.detach() for p in parts])
        if step == 1:
            processes.say(f"first step after {time.time() - start:.1f} s: loss {float(loss.detach()):.4f}")
        if step % args.log_every == 0:
            seconds = time.time() - start
            face, box, points = (logged / args.log_every).tolist()
            logged.zero_()
            processes.say(f"{seconds:6.1f} s step {step:6} {pictures / seconds:7.0f} pictures/s  "
                          f"face {face:.4f}  box {box:.4f}  points {points:.4f}  "
                          f"hard {[int(n) for n in hard.seen.values()]}")  # fmt: skip
    if processes.rank == 0:
        average.save(f"{args.out}/detector.pt")
    processes.say(f"{step} steps, {pictures} pictures in {time.time() - start:.0f} s")
    processes.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of detector_data.npz and the teacher's ONNX")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=9.0, help="in all, preparation included")
    parser.add_argument("--steps", type=int, default=-1, help="stop after so many steps")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--resume", help="start from these weights")
    parser.add_argument("--resume-onnx", help="start from the weights of this file of detector_export")
    parser.add_argument("--grow", type=int, nargs=3, help="blocks a stage of the network, from the weights resumed")
    parser.add_argument("--photos", help="detector_photos.npz: more pictures without faces")
    parser.add_argument("--lettering", help="detector_lettering.npz: likewise")
    parser.add_argument("--clutter", type=int, default=400, help="dead-leaves pictures in store")
    parser.add_argument("--ovals", type=int, default=0, help="pictures of ovals in store")
    parser.add_argument("--turned", type=float, default=0.12, help="share of faces turned by any angle")
    parser.add_argument("--size-power", type=float, default=1.0, help="above 1: more small faces")
    parser.add_argument("--variety", action="store_true", help="faces bent, tinted and lit from one side")
    parser.add_argument("--truth", action="store_true", help="learn the composer's truth, not the teacher's answers")
    parser.add_argument("--smallest", type=float, default=11.0, help="pixels of the smallest face, with --truth")
    parser.add_argument("--people", action="store_true", help="also paste the portraits of people/")
    parser.add_argument("--portraits", type=float, default=0.0, help="share of pictures that are whole portraits")
    parser.add_argument("--covers", type=float, default=0.0, help="share of occluders on eyes or mouths")
    parser.add_argument("--harsh", action="store_true", help="dim, coloured, one-sided and infrared light")
    parser.add_argument("--lens", type=float, default=0.0, help="share of pictures through a wide-angle lens")
    parser.add_argument("--hard", type=float, default=0.0, help="share of pictures from those the student got wrong")
    parser.add_argument("--hard-capacity", type=int, default=1500)
    parser.add_argument("--decide", type=float, default=0.0, help="teacher's least probability of a face")
    parser.add_argument("--found-weight", type=float, default=0.5, help="of faces that only the composer knows")
    parser.add_argument("--unsure-weight", type=float, default=1.0, help="of faces of which the teacher is not sure")
    parser.add_argument("--shape-from", type=float, default=0.3, help="least probability at which it teaches boxes")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the weights' average")
    parser.add_argument("--save-seconds", type=float, default=60.0, help="time between checkpoints")
    parser.add_argument("--sharpen", type=float, default=1.0, help="factor on the teacher's logits at true faces")
    parser.add_argument("--background", type=float, default=0.02, help="most face probability away from faces")
    parser.add_argument("--even-faces", action="store_true", help="weigh faces alike, whatever their size")
    parser.add_argument("--all-clips", action="store_true", help="also the held-out clips (not the held-out faces)")
    parser.add_argument("--weights", type=float, nargs=3, default=(2.0, 1.0, 0.5), help="face, box, points")
    parser.add_argument("--negative-weight", type=float, default=1.0, help="of anchors away from faces")
    parser.add_argument("--lift", type=float, default=0.0, help="logits added to the teacher at true faces")
    parser.add_argument("--empty", type=float, default=0.12, help="share of pictures without pasted faces")
    parser.add_argument("--occluders", type=float, default=0.3)
    parser.add_argument("--compile", action="store_true", help="fuse the composer's pixel work")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shrink", type=int, default=1, help="divide the batches by this (for a CPU try)")
    parser.add_argument("--log-every", type=int, default=100, help="steps")
    parser.add_argument("--seed", type=int, default=20)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
