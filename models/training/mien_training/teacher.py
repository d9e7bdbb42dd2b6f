"""The teachers as PyTorch modules, read from their ONNX files.

A small interpreter for the operators in the two files: it runs on any device and in any
precision, which onnxruntime on the training machine does not.
"""

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import nn


def _conv(x, weight, bias=None, *, strides, pads, group, dilations, kernel_shape):
    top, left, bottom, right = pads
    if (top, left) == (bottom, right):
        return F.conv2d(x, weight, bias, strides, (top, left), dilations, group)
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, strides, 0, dilations, group)


def _slice(x, starts, ends, axes, steps):
    for start, end, axis, step in zip(starts, ends, axes, steps):
        size = x.shape[axis]
        indices = range(size)[slice(start, end, step)]
        x = x.narrow(axis, indices.start, len(indices)) if step == 1 else x[(slice(None),) * axis + (slice(start, end, step),)]
    return x


def _pad(x, pads, *, mode):
    half = len(pads) // 2
    pairs = [pair for axis in reversed(range(half)) for pair in (pads[axis], pads[axis + half])]
    return F.pad(x, pairs)


OPERATORS = {
    "Conv": _conv,
    "PRelu": lambda x, slope: F.prelu(x, slope.flatten()),
    "Relu": torch.relu,
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "Neg": torch.neg,
    "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal,
    "Sigmoid": torch.sigmoid,
    "MaxPool": lambda x, *, kernel_shape, pads, strides: F.max_pool2d(x, kernel_shape, strides),
    "Pad": _pad,
    "ReduceMean": lambda x, *, axes, keepdims: x.mean(axes, keepdim=bool(keepdims)),
    "ReduceSum": lambda x, axes, *, keepdims: x.sum(axes, keepdim=bool(keepdims)),
    "Reshape": lambda x, shape: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)]),
    "Squeeze": lambda x, axes: x.squeeze(axes[0]),
    "Transpose": lambda x, *, perm: x.permute(perm),
    "Concat": lambda *xs, axis: torch.cat(xs, axis),
    "Slice": _slice,
}
SHAPE_INPUTS = {"Pad": (1,), "ReduceSum": (1,), "Reshape": (1,), "Squeeze": (1,), "Slice": (1, 2, 3, 4)}


class OnnxModule(nn.Module):
    """Runs the graph of an ONNX file; returns the outputs named in `outputs`."""

    def __init__(self, path, outputs):
        super().__init__()
        graph = onnx.load(path).graph
        arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.input_name = graph.input[0].name
        self.output_names = list(outputs)
        self.steps, needed = [], set(outputs)
        for node in reversed(graph.node):
            if not needed.intersection(node.output):
                continue
            needed.update(node.input)
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            static = {i: arrays[node.input[i]].tolist() for i in SHAPE_INPUTS.get(node.op_type, ())}
            inputs = [static.get(i, name) for i, name in enumerate(node.input)]
            self.steps.insert(0, (node.op_type, inputs, node.output[0], attributes))
        used = {name for _, inputs, _, _ in self.steps for name in inputs if isinstance(name, str)}
        for name in sorted(used & set(arrays)):
            self.register_buffer(name, torch.from_numpy(np.array(arrays[name], np.float32)))

    def forward(self, x):
        values = {self.input_name: x}
        for kind, inputs, output, attributes in self.steps:
            arguments = [n if not isinstance(n, str) else values[n] if n in values else getattr(self, n) for n in inputs]
            values[output] = OPERATORS[kind](*arguments, **attributes)
        return [values[name] for name in self.output_names]


class LandmarkTeacher(nn.Module):
    """Pictures [n, 3, 256, 256] in 0–1 to landmarks [n, 478, 3] in pixels and presence logits [n].

    The body runs in `dtype`; the two last convolutions in float32, since half precision has
    steps of 0.125 pixel at the values that landmarks take.
    """

    def __init__(self, path, dtype=torch.float32):
        super().__init__()
        self.dtype = dtype
        net = OnnxModule(path, ["landmarks", "presence"])
        heads = [step for step in net.steps if step[2] in net.output_names]
        net.output_names = [heads[0][1][0]]
        net.steps = [step for step in net.steps if step not in heads]
        self.heads = nn.ModuleDict()
        for _, (_, weight, bias), output, _ in heads:
            w = getattr(net, weight)
            head = nn.Linear(w[0].numel(), w.shape[0])
            head.weight.data.copy_(w.flatten(1))
            head.bias.data.copy_(getattr(net, bias))
            self.heads[output] = head
            delattr(net, weight), delattr(net, bias)
        self.body = net.to(dtype)
        self.requires_grad_(False)

    def forward(self, pictures):
        features = self.body(pictures.to(self.dtype))[0].float().flatten(1)
        return self.heads["landmarks"](features).view(-1, 478, 3), self.heads["presence"](features)[:, 0]


class BlendshapeTeacher(nn.Module):
    """Points [n, 146, 2] to coefficients [n, 52]; the file itself takes one face at a time."""

    def __init__(self, path):
        super().__init__()
        self.net = OnnxModule(path, ["coefficients"])
        self.requires_grad_(False)

    def forward(self, points):
        return torch.func.vmap(lambda one: self.net(one[None])[0])(points)
