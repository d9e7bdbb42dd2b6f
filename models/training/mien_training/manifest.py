"""Writes models/manifest.toml for the weight files that lie beside it.

    python -m mien_training.manifest ../../models

Reads each file's tensors and precision from the file itself, so that the manifest cannot disagree with it.
Run it after every export; `mien models verify` holds the result against the files.
"""

import hashlib
import sys
from pathlib import Path

import onnx

LICENCE = "MIT OR Apache-2.0"
PEOPLE = "SFHQ and SFHQ-T2I synthetic people (MIT)"
CLIPS = "Intel sample videos (CC-BY 4.0)"
PHOTOS = (
    "face-free pictures of HDRI Haven (CC0), robosuite (MIT), scikit-learn (CC-BY 2.0: danielbuechele, vultilion), "
    "scikit-image (CC0; NASA, public domain; one without known restrictions); drawn pages and lettering"
)
FILES = {
    "detector": (
        "detector.onnx",
        "distilled from RetinaFace MobileNet-0.25 (MIT), then trained on faces agreed by it, MTCNN (MIT) and "
        "MediaPipe's face detectors (Apache-2.0), by models/training",
        f"composites of {PEOPLE}; {CLIPS}; renderings of Mien's synthetic camera; {PHOTOS}",
    ),
    "landmarks": (
        "landmarks.onnx",
        "distilled from MediaPipe's face landmarks detector (Apache-2.0) by models/training",
        f"{PEOPLE}, warped; {CLIPS}; {PHOTOS}",
    ),
    "blendshapes": (
        "blendshapes.onnx",
        "distilled from MediaPipe's face blendshapes model (Apache-2.0) by models/training",
        f"landmarks of {PEOPLE} and of {CLIPS}, with random poses and expressions",
    ),
}


def tensors(values):
    """The tensors as TOML inline tables: name and shape, named dimensions as text."""
    def shape(value):
        dims = value.type.tensor_type.shape.dim
        return ", ".join(f'"{dim.dim_param}"' if dim.dim_param else str(dim.dim_value) for dim in dims)

    return ", ".join(f'{{ name = "{value.name}", shape = [{shape(value)}] }}' for value in values)


def entry(role, path, source, trained_on):
    """One [[model]] table."""
    content = path.read_bytes()
    graph = onnx.load_from_string(content).graph
    halves = any(weight.data_type == onnx.TensorProto.FLOAT16 for weight in graph.initializer)
    return "\n".join([
        "[[model]]",
        f'file = "{path.name}"',
        f'role = "{role}"',
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
        f'precision = "{"FP16" if halves else "FP32"}"',
        f'licence = "{LICENCE}"',
        f'source = "{source}"',
        f'trained_on = "{trained_on}"',
        f"inputs = [{tensors(graph.input)}]",
        f"outputs = [{tensors(graph.output)}]",
    ])


def main():
    folder = Path(sys.argv[1])
    tables = [entry(role, folder / file, source, trained) for role, (file, source, trained) in FILES.items()]
    text = "# Written by models/training/mien_training/manifest.py; README.md beside it is the model card.\nversion = 1\n\n"
    (folder / "manifest.toml").write_text(text + "\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
