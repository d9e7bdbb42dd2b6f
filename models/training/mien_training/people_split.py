"""Which of the shared folder's synthetic people (`people/`) no training run may see.

Two rules, both read off the file's name alone (`ATTRIBUTE-VALUE-RANK.jpg`), so that every
training and every evaluation splits alike:

- whole attributes are kept out, so that the figures also hold for kinds of people that the
  students never met;
- of the other attributes one picture in six, by the SHA-256 of the file's name.

Together about a fifth of the pictures.
"""

import hashlib
from pathlib import Path

HELD_OUT_ATTRIBUTES = frozenset(
    (
        "child-african",
        "ethnicity-persian",
        "expression-tongue_out",
        "facial_features-sunglasses",
        "old-african",
        "physical_characteristics-white_beard",
    )
)
ONE_IN = 6


def attribute(name: str) -> str:
    """`ATTRIBUTE-VALUE` of a picture's file name (or path)."""
    return Path(name).stem.rpartition("-")[0]


def held_out(name: str) -> bool:
    """True where the picture is for evaluation only."""
    if attribute(name) in HELD_OUT_ATTRIBUTES:
        return True
    digest = hashlib.sha256(Path(name).name.encode()).digest()
    return int.from_bytes(digest[:8], "big") % ONE_IN == 0


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folder's pictures for training and for evaluation, each in order of their names."""
    pictures = sorted(folder.glob("*.jpg"))
    return (
        [picture for picture in pictures if not held_out(picture.name)],
        [picture for picture in pictures if held_out(picture.name)],
    )
