"""CPU time of the translation judgement against SaddleScape's example, on 200 random pairs of 64 x 64 fields.

python workflows/phase_field/judgement.py CHECKOUT, with the folder of a SaddleScape checkout.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld

N, PAIRS, REPEATS = 64, 200, 9


def pairs(seed: int) -> tuple[Any, dict[str, Any]]:
    """Which pairs are the same, and by name pairs of smooth random fields.

    Every other partner is a shifted copy with noise, the rest depends on the name.
    """
    rng = np.random.default_rng(seed)
    k = np.add.outer(np.fft.fftfreq(N, 1 / N) ** 2, np.fft.rfftfreq(N, 1 / N) ** 2)
    X = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((PAIRS, N, N))) * np.exp(-k / 8), s=(N, N))
    X /= np.abs(X).max(axis=(1, 2), keepdims=True)
    # The sums along the axes settle most pairs: the hardest fields are those where all of these vanish.
    Z = X - X.mean(axis=1, keepdims=True)
    Z -= Z.mean(axis=2, keepdims=True)
    same = np.arange(PAIRS) % 2 == 0
    sorts = {}
    for name, fields, others in (
        ("unrelated fields", X, np.roll(X, 2, axis=0)),
        ("mirror images", X, X[:, ::-1]),
        ("mirror images, no sums along the axes", Z, Z[:, ::-1]),
    ):
        shifted = np.array([np.roll(u, rng.integers(0, N, 2), (0, 1)) for u in fields])
        shifted += 1e-4 * rng.uniform(-1, 1, X.shape)
        partners = np.where(same[:, None, None], shifted, others)
        sorts[name] = fields.reshape(PAIRS, -1), partners.reshape(PAIRS, -1)
    return same, sorts


def main() -> None:
    """Print a line for each sort of pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    cells = json.loads((parser.parse_args().checkout / "gallery" / "Ex_4_PhaseField.ipynb").read_text())["cells"]
    source = next(text for text in map("".join, (c["source"] for c in cells)) if "def SameSaddle" in text)
    scope: dict[str, Any] = {"np": np}
    exec(source, scope)
    same, sorts = pairs(2)
    for name, (X, Y) in sorts.items():
        begun = time.process_time()
        theirs = np.array([scope["SameSaddle"](x, y) for x, y in zip(X, Y, strict=True)])
        slow = time.process_time() - begun
        for subgrid in (False, True):
            judgement = ld.Translations((N, N), subgrid=subgrid)
            seconds = []
            for _ in range(REPEATS):
                begun = time.process_time()
                ours = judgement.same(X, Y)
                seconds.append(time.process_time() - begun)
            fast = float(np.median(seconds))
            agree = np.array_equal(ours, theirs) and np.array_equal(ours, same)
            print(
                f"shifted copies and {name}, {'all translations' if subgrid else 'grid translations'}: {slow:.2f} s "
                f"against {1e3 * fast:.2f} ms, {slow / fast:,.0f} times, verdicts {'equal' if agree else 'DIFFER'}"
            )


if __name__ == "__main__":
    main()
