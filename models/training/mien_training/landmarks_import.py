"""Landmark students from what was there before: the shipped ONNX file, a checkpoint, a smaller student."""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from .students import LANDMARK_STUDENTS, LandmarkStudent


def normalised_pairs(model):
    """(name, convolution, batch normalisation) of every convolution, in order."""
    for name, module in model.body.named_modules():
        if isinstance(module, nn.Sequential) and len(module) >= 2 and isinstance(module[1], nn.BatchNorm2d):
            yield f"body.{name}", module[0], module[1]


def kind_of(arrays):
    """Which of LANDMARK_STUDENTS a file's arrays are of."""
    hidden = len(arrays["features.bias"])
    return next(k for k, v in LANDMARK_STUDENTS.items() if LandmarkStudent(**v).features.out_features == hidden)


def from_onnx(path, pictures):
    """The student of an exported file, ready to be trained on.

    The file holds no batch statistics any more. They are measured on `pictures` [n, 3, size, size],
    and the scales and shifts chosen so that the student answers as the file does.
    """
    arrays = {t.name.removeprefix("student."): numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    model = LandmarkStudent(**LANDMARK_STUDENTS[kind_of(arrays)]).to(pictures.device).eval()
    to = lambda name: torch.from_numpy(np.array(arrays[name], np.float32)).to(pictures.device)
    measured, hooks = {}, []
    with torch.no_grad():
        for name, conv, norm in normalised_pairs(model):
            conv.weight.copy_(to(f"{name}.0.weight"))
            norm.running_mean.zero_(), norm.running_var.fill_(1 - norm.eps)
            norm.weight.fill_(1), norm.bias.copy_(to(f"{name}.0.bias"))
            note = lambda _, inputs, name=name: measured.update({name: (inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3)))})
            hooks.append(norm.register_forward_pre_hook(note))
        for layer in ("features", "landmarks", "presence"):
            scale = model.size if layer == "landmarks" else 1
            getattr(model, layer).weight.copy_(to(f"{layer}.weight") / scale)
            getattr(model, layer).bias.copy_(to(f"{layer}.bias") / scale)
        model(pictures)
        for hook in hooks:
            hook.remove()
        for name, _, norm in normalised_pairs(model):
            mean, variance = measured[name]
            norm.running_mean.copy_(mean), norm.running_var.copy_(variance)
            norm.bias.add_(mean), norm.weight.copy_((variance + norm.eps).sqrt())
    return model


def grown(small, kind):
    """A larger student that answers as `small` does: new blocks pass their input on, new hidden units
    are not listened to yet."""
    model = LandmarkStudent(**LANDMARK_STUDENTS[kind]).to(next(small.parameters()).device)
    places, at = {}, 1
    for (_, before), (_, now) in zip(small.stages, model.stages):
        here = sum(1 + blocks for _, blocks in model.stages[: len(places)])
        places[len(places)] = (at, 1 + here, before, now)
        at += 1 + before
    with torch.no_grad():
        model.body[0].load_state_dict(small.body[0].state_dict())
        model.body[-1].load_state_dict(small.body[-1].state_dict())
        for old, new, before, now in places.values():
            for offset in range(1 + before):
                model.body[new + offset].load_state_dict(small.body[old + offset].state_dict())
            for offset in range(1 + before, 1 + now):
                model.body[new + offset].body[1][1].weight.zero_()
        hidden = small.features.out_features
        model.features.weight[:hidden].copy_(small.features.weight)
        model.features.bias[:hidden].copy_(small.features.bias)
        for layer in ("landmarks", "presence"):
            getattr(model, layer).weight.zero_()
            getattr(model, layer).weight[:, :hidden].copy_(getattr(small, layer).weight)
            getattr(model, layer).bias.copy_(getattr(small, layer).bias)
    return model


def from_checkpoint(path, device):
    """The student of a training run's checkpoint."""
    saved = torch.load(path, map_location=device)
    model = LandmarkStudent(**LANDMARK_STUDENTS[saved.get("kind", "base")]).to(device)
    model.load_state_dict(saved.get("average", saved.get("model")))
    return model
