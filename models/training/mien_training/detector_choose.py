"""Chooses the score that becomes 0.5, on composites of the training people, and tells what it gives.

    python -m mien_training.detector_choose --train eval/a_train eval/b_train --held eval/a_held eval/b_held \
        --mean-false 2 --most-false 3

The arguments are the `--save` names of `detector_operating`. The rule: the smallest score at which
there are at most MEAN_FALSE false faces in 200 pictures on average over both sizes, clean and
degraded, and at most MOST_FALSE in each (the landmark model turns them away; a missed face is gone); of several candidates the one with the highest mean recall there. It looks
at the training people only; the held-out figures are printed beside it.
"""

import argparse

import numpy as np

WIDTHS, KINDS = (640, 320), ("clean", "degraded")


def scores(name):
    """(width, kind): the student's scores of the teacher's faces, and of false faces."""
    files = {width: np.load(f"{name}-{width}.npz") for width in WIDTHS}
    return {(w, k): (files[w][k][:, 0], files[w][f"false_{k}"]) for w in WIDTHS for k in KINDS}


def figures(rows, score, pictures):
    """Recall in percent and false faces in 200 pictures a condition."""
    recall = {c: 100 * (found >= score).mean() for c, (found, _) in rows.items()}
    false = {c: 200 * (wrong >= score).sum() / pictures for c, (_, wrong) in rows.items()}
    return recall, false


def choose(rows, pictures, mean_false, most_false):
    for score in np.arange(0.02, 0.99, 0.002):
        _, false = figures(rows, score, pictures)
        if np.mean(list(false.values())) <= mean_false and max(false.values()) <= most_false:
            return float(score)
    return 0.99


def told(rows, score, pictures):
    recall, false = figures(rows, score, pictures)
    cells = [f"{w} {k} {recall[w, k]:.1f} % / {false[w, k]:.1f}" for w in WIDTHS for k in KINDS]
    return f"{'  '.join(cells)}  mean {np.mean(list(recall.values())):.2f} % / {np.mean(list(false.values())):.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--held", nargs="+", default=())
    parser.add_argument("--pictures", type=int, default=1000, help="without faces, a size")
    parser.add_argument("--mean-false", type=float, default=2.0, help="false faces in 200 pictures, over all kinds")
    parser.add_argument("--most-false", type=float, default=3.0, help="of the worst kind")
    args = parser.parse_args()
    best = None
    for i, name in enumerate(args.train):
        rows = scores(name)
        score = choose(rows, args.pictures, args.mean_false, args.most_false)
        shift = float(np.log(1 / score - 1))
        recall = np.mean(list(figures(rows, score, args.pictures)[0].values()))
        best = max(best or (-1.0,), (float(recall), name, shift))
        print(f"{name}: score {score:.3f} becomes 0.5 (--raise-logit {shift:.3f})")
        print(f"  training: {told(rows, score, args.pictures)}")
        if i < len(args.held):
            held = scores(args.held[i])
            for at in (score, 0.5):
                print(f"  held out, score {at:.3f}: {told(held, at, args.pictures)}")
    print(f"chosen: {best[1]}, --raise-logit {best[2]:.3f}, mean recall on training people {best[0]:.2f} %")


if __name__ == "__main__":
    main()
