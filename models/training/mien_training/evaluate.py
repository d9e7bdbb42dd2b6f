"""Student against teacher: landmark error per clip and landmark group.

python -m mien_training.evaluate landmarks ../../landmarks.onnx --shared ../shared --sources .train/sources.npz
python -m mien_training.evaluate blendshapes ../../blendshapes.onnx --shared ../shared --sources .train/sources.npz
"""

import argparse
import json
import os

import numpy as np
import torch

from .atlas import evaluation_sets
from .groups import GROUPS
from .regions import crop
from .teacher import LandmarkTeacher

TEACHER_SIZE = 256


class LandmarkEvaluation:
    """Crops of every evaluation face and the teacher's answers on them, once; students often.

    Errors are mean distances in the picture plane over the 478 landmarks, in percent of the
    distance of the iris centres 468 and 473 as the teacher sees it in that picture. Student and
    teacher each get their own crop of the same region, cut at their own size.
    """

    def __init__(self, shared, sources, teacher_file, device="cpu", student_size=192):
        teacher = LandmarkTeacher(teacher_file).to(device).eval()
        self.device, self.sets = device, {}
        for name, pictures, faces in evaluation_sets(shared, sources):
            cut = lambda size: torch.from_numpy(
                np.stack([crop(pictures[p], region, size) for p, region, _ in faces]).transpose(0, 3, 1, 2).copy()
            )
            truth, logits = [], []
            with torch.no_grad():
                for part in cut(TEACHER_SIZE).split(64):
                    points, presence = teacher(part.to(device).float() / 255)
                    truth.append(points.cpu() / TEACHER_SIZE), logits.append(presence.cpu())
            self.sets[name] = {
                "pictures": cut(student_size),
                "truth": torch.cat(truth).numpy(),
                "presence": torch.cat(logits).numpy(),
                "how": np.array([how for _, _, how in faces]),
                "frames": len(pictures) if isinstance(pictures, np.ndarray) else len(faces),
            }

    def answers(self, model, pictures):
        """Landmarks [n, 478, 3] in units of the crop and presence logits [n] of a PyTorch student."""
        points, logits = [], []
        with torch.no_grad():
            for part in pictures.split(128):
                landmarks, presence = model(part.to(self.device).float() / 255)
                points.append(landmarks.cpu().view(-1, 478, 3) / part.shape[-1]), logits.append(presence.cpu()[:, 0])
        return torch.cat(points).numpy(), torch.cat(logits).numpy()

    def run(self, model, answers=None):
        """Results per set; `answers(pictures)` replaces the PyTorch model for other engines."""
        return {name: self.judge(data, *(answers(data["pictures"]) if answers else self.answers(model, data["pictures"])))
                for name, data in self.sets.items()}

    def judge(self, data, points, logits):
        truth = data["truth"]
        eyes = np.linalg.norm((truth[:, 468] - truth[:, 473])[:, :2], axis=1)
        eyes_in_space = np.linalg.norm(truth[:, 468] - truth[:, 473], axis=1)
        flat = np.linalg.norm((points - truth)[..., :2], axis=2)
        percent = 100 * flat / eyes[:, None]
        tracked = data["how"] == "tracked"
        at = tracked if tracked.any() else np.ones_like(tracked)
        result = {
            "faces": int(at.sum()),
            "mean": float(percent[at].mean()),
            "median": float(np.median(percent[at].mean(1))),
            "p95": float(np.percentile(percent[at].mean(1), 95)),
            "detected": float(percent[~tracked].mean()) if (~tracked).any() else None,
            "in_space": float(100 * (flat / eyes_in_space[:, None])[at].mean()),
            "depth": float(100 * (np.abs(points - truth)[at, :, 2] / eyes_in_space[at, None]).mean()),
            "presence_agrees": float(((logits > 0) == (data["presence"] > 0)).mean()),
        }
        for group, indices in GROUPS.items():
            result[group] = float(percent[at][:, list(indices)].mean())
        return result


def summary(results):
    keys = ("mean", "median", "p95", "detected", "in_space", "depth", *GROUPS)
    lines = [f"{'set':28}" + "".join(f"{key[:8]:>9}" for key in ("faces", *keys, "presence"))]
    for name, result in results.items():
        cells = "".join("        –" if result[key] is None else f"{result[key]:9.2f}" for key in keys)
        lines.append(f"{name:28}{result['faces']:9d}{cells}{result['presence_agrees']:9.3f}")
    clips = [r["mean"] for n, r in results.items() if n != "faces/test"]
    lines.append(f"clips: mean {np.mean(clips):.2f} %, worst {max(clips):.2f} %")
    return "\n".join(lines)


def onnx_answers(path, threads=0):
    import onnxruntime

    usual = onnxruntime.SessionOptions()
    usual.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, usual)

    def answers(pictures):
        points, logits = [], []
        for part in pictures.split(32):
            landmarks, presence = session.run(["landmarks", "presence"], {"image": part.numpy().astype(np.float32) / 255})
            points.append(landmarks.reshape(-1, 478, 3) / part.shape[-1]), logits.append(presence[:, 0])
        return np.concatenate(points), np.concatenate(logits)

    return answers, session.get_inputs()[0].shape[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("landmarks", "blendshapes"))
    parser.add_argument("model")
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    parser.add_argument("--json", help="also write the figures here")
    options = parser.parse_args()
    if options.what == "landmarks":
        answers, size = onnx_answers(options.model)
        teacher = os.path.join(options.shared, "models", "mediapipe_face_landmarks_detector.onnx")
        results = LandmarkEvaluation(options.shared, options.sources, teacher, student_size=size).run(None, answers)
        print(summary(results))
    else:
        from .blendshapes import evaluate_file

        results = evaluate_file(options.model, options.shared, options.sources)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
