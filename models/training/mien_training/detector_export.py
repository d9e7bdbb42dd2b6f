"""Writes the trained student as ONNX and checks it against torch at several sizes.

    python -m mien_training.detector_export out/detector.pt ../detector.onnx

The graph is built by hand from the folded weights: Conv, Relu, Add, Resize (nearest, ×2),
Transpose, Reshape to [0,-1,16], Concat, Split and Sigmoid, so that every engine reads it at
every input size. Softmax over two classes is a Sigmoid of ± the logit: the head writes both.
"""

import argparse

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .detector_model import STRIDES, VALUES_PER_ANCHOR, Student


class Graph:
    def __init__(self):
        self.nodes, self.weights = [], []

    def constant(self, name, array):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def conv(self, x, weight, bias, name, stride=1, pad=0):
        return self.node(
            "Conv",
            [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)],
            name, kernel_shape=list(weight.shape[2:]), strides=[stride] * 2, pads=[pad] * 4,
        )  # fmt: skip

    def block(self, x, block, name, scale=1.0):
        weight, bias = block.folded()
        y = self.conv(x, weight * np.float32(scale), bias, name,
                      block.conv.stride[0], block.conv.padding[0])  # fmt: skip
        if block.residual:
            y = self.node("Add", [y, x], f"{name}.sum")
        return self.node("Relu", [y], f"{name}.relu") if block.relu else y


def head_weights(head):
    """[30,c,1,1] of box, logit, landmarks a anchor to [32,c,1,1] with both class logits."""
    weight, bias = head.weight.detach().float().numpy(), head.bias.detach().float().numpy()
    parts = [np.split(v.reshape(2, 15, *v.shape[1:]), (4, 5), axis=1) for v in (weight, bias)]
    joined = [np.concatenate((box, -face, face, points), 1) for box, face, points in parts]
    return joined[0].reshape(2 * VALUES_PER_ANCHOR, *weight.shape[1:]), joined[1].reshape(-1)


def build(net):
    graph = Graph()
    graph.constant("scales", np.array((1, 1, 2, 2), np.float32))
    graph.constant("per_anchor", np.array((0, -1, VALUES_PER_ANCHOR), np.int64))
    graph.constant("split", np.array((4, 2, 10), np.int64))
    # the division of the input by 64 is folded into the stem
    x = graph.block("input", net.stem, "stem", scale=1 / 64)
    features = []
    for i, stage in enumerate(net.stages):
        for j, block in enumerate(stage):
            x = graph.block(x, block, f"stage{i}.{j}")
        features.append(x)
    outputs, top = [None] * len(STRIDES), None
    for i in reversed(range(len(STRIDES))):
        lateral = graph.block(features[i], net.lateral[i], f"lateral{i}")
        if top is not None:
            up = graph.node("Resize", [top, "", "scales"], f"up{i}", mode="nearest",
                            coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
            lateral = graph.node("Add", [lateral, up], f"sum{i}")
        top = lateral
        y = graph.block(graph.node("Relu", [top], f"top{i}"), net.merge[i], f"merge{i}")
        y = graph.conv(y, *head_weights(net.head[i]), f"head{i}")
        y = graph.node("Transpose", [y], f"rows{i}", perm=[0, 2, 3, 1])
        outputs[i] = graph.node("Reshape", [y, "per_anchor"], f"anchors{i}")
    graph.node("Concat", outputs, "all", axis=1)
    graph.nodes.append(helper.make_node("Split", ["all", "split"], ["loc", "logits", "landms"], axis=2))
    graph.node("Sigmoid", ["logits"], "conf")
    tensor = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
    proto = helper.make_graph(
        graph.nodes, "mien_face_detector", [tensor("input", ["N", 3, "H", "W"])],
        [tensor("loc", ["N", "A", 4]), tensor("conf", ["N", "A", 2]), tensor("landms", ["N", "A", 10])],
        graph.weights,
    )  # fmt: skip
    proto = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="mien",
        doc_string="RetinaFace-compatible face detector of Mien. Input BGR minus (104,117,123); "
        "H and W multiples of 32; anchors 10/20, 32/64, 128/256 at strides 8/16/32.",
    )  # fmt: skip
    onnx.checker.check_model(proto, full_check=True)
    return proto


def check(path, net):
    """Largest difference from torch over several input shapes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(3)
    for n, h, w in ((1, 640, 640), (2, 480, 640), (1, 256, 320), (3, 96, 32)):
        x = (rng.random((n, 3, h, w)) * 255 - 110).astype(np.float32)
        loc, conf, landms = session.run(["loc", "conf", "landms"], {"input": x})
        with torch.no_grad():
            want_loc, logit, want_landms = net(torch.from_numpy(x))
        face = torch.sigmoid(logit)
        want = (want_loc, torch.stack((1 - face, face), -1), want_landms)
        gap = [np.abs(a - b.numpy()).max() for a, b in zip((loc, conf, landms), want)]
        print(f"{n}×{h}×{w}: largest difference loc {gap[0]:.1e} conf {gap[1]:.1e} landms {gap[2]:.1e}")
        assert gap[0] < 2e-3 and gap[1] < 1e-4 and gap[2] < 5e-3, "the ONNX file differs from torch"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", nargs="+", help="of several (of one training, one after the other) the mean")
    parser.add_argument("onnx")
    parser.add_argument("--raise-logit", type=float, default=0.0,
                        help="added to every face logit, to put the wanted operating point at score 0.5")  # fmt: skip
    args = parser.parse_args()
    net = Student.load(args.checkpoint[0]).eval()
    states = [Student.load(path).state_dict() for path in args.checkpoint]
    net.load_state_dict({k: torch.stack([s[k].float() for s in states]).mean(0) for k in states[0]})
    for head in net.head:
        head.bias.data[4::15] += args.raise_logit
    onnx.save(build(net), args.onnx)
    check(args.onnx, net)
    print(f"{args.onnx}: {sum(p.numel() for p in net.parameters())} parameters")


if __name__ == "__main__":
    main()
