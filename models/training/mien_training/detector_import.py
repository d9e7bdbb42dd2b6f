"""Reads a student's ONNX file back into torch, so that training can go on from shipped weights.

    python -m mien_training.detector_import ../detector.onnx out/detector.pt

The file holds each convolution with its batch normalisation folded in. Here the convolution
takes the folded weights, and the normalisation becomes the identity with the folded bias:
weight √(1 + ε), mean 0, variance 1. In training mode such a normalisation would not give the same
answers, for the true statistics are lost; `calibrate` measures them on pictures and rescales
weights and biases so that the answers stay the same.
"""

import argparse

import numpy as np
import torch

from .detector_model import VALUES_PER_ANCHOR, ConvBlock, Student

INPUT_SCALE = 64.0  # the division in Student.forward, which the file's stem has folded in


def named_blocks(net):
    """(name of the node in the file, block) of every convolution with normalisation."""
    yield "stem", net.stem
    for i, stage in enumerate(net.stages):
        for j, block in enumerate(stage):
            yield f"stage{i}.{j}", block
    for part in ("lateral", "merge"):
        for i, block in enumerate(getattr(net, part)):
            yield f"{part}{i}", block


def head_from_file(weight, bias):
    """The file's [32,…] rows, with both class logits (−x, x), to the student's [30,…]."""
    rows = np.arange(2 * VALUES_PER_ANCHOR).reshape(2, VALUES_PER_ANCHOR)
    first, second = rows[:, 4], rows[:, 5]
    if not (np.array_equal(weight[first], -weight[second]) and np.array_equal(bias[first], -bias[second])):
        raise ValueError("the two class logits of this file are not each other's negatives")
    keep = np.delete(rows, 4, axis=1).reshape(-1)
    return weight[keep], bias[keep]


def load_onnx(path):
    """The student with the weights of an ONNX file that `detector_export` wrote, in eval mode."""
    import onnx
    from onnx import numpy_helper

    tensors = {t.name: numpy_helper.to_array(t).copy() for t in onnx.load(path).graph.initializer}
    blocks = [sum(n.startswith(f"stage{i}.") and n.endswith(".weight") for n in tensors) for i in range(3)]
    net = Student(depths=[n - 1 for n in blocks])
    with torch.no_grad():
        for name, block in named_blocks(net):
            scale = INPUT_SCALE if name == "stem" else 1.0
            block.conv.weight.copy_(torch.from_numpy(tensors[f"{name}.weight"]) * scale)
            block.bn.weight.fill_((1 + block.bn.eps) ** 0.5)
            block.bn.bias.copy_(torch.from_numpy(tensors[f"{name}.bias"]))
        for i, head in enumerate(net.head):
            weight, bias = head_from_file(tensors[f"head{i}.weight"], tensors[f"head{i}.bias"])
            head.weight.copy_(torch.from_numpy(weight))
            head.bias.copy_(torch.from_numpy(bias))
    return net.eval()


@torch.no_grad()
def calibrate(net, batches):
    """Gives every normalisation the statistics of its inputs over `batches` of network inputs.

    Weights and biases are rescaled with them, so that answers in eval mode do not change; in
    training mode the network then starts from nearly the same answers, too.
    """
    sums = {}

    def remember(module, inputs, _):
        x = inputs[0].float()
        count, total, squares = sums.get(module, (0, 0.0, 0.0))
        sums[module] = (
            count + x.numel() // x.shape[1],
            total + x.sum((0, 2, 3)),
            squares + x.square().sum((0, 2, 3)),
        )

    norms = [m.bn for m in net.modules() if isinstance(m, ConvBlock)]
    hooks = [norm.register_forward_hook(remember) for norm in norms]
    net.eval()
    for batch in batches:
        net(batch)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        count, total, squares = sums[norm]
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=1e-4)
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        offset = norm.bias - norm.running_mean * scale
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(scale * torch.sqrt(variance + norm.eps))
        norm.bias.copy_(offset + mean * scale)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("onnx")
    parser.add_argument("checkpoint")
    args = parser.parse_args()
    from .detector_export import check

    net = load_onnx(args.onnx)
    check(args.onnx, net)
    torch.save(net.state_dict(), args.checkpoint)


if __name__ == "__main__":
    main()
