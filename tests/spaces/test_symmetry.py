"""Judgements up to symmetries: equivalences up to tolerance, invariant, and looked up without loss."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.cells import CellIndex
from landscape_dist.spaces.judgement import PerCoordinate, SameJudgement, make_judgement
from landscape_dist.spaces.signed_permutations import SignedPermutations
from landscape_dist.spaces.symmetry import PeriodicCoordinates, Permutations, SignFlips, UpTo
from landscape_dist.spaces.translations import Translations

Points = np.ndarray
ATOL = 1e-3


@dataclass(frozen=True)
class Case:
    """A judgement, its dimension, and how to draw an image of a point under its symmetry."""

    make: Callable[[], SameJudgement]
    dim: int
    image: Callable[[Points, np.random.Generator], Points]
    smooth: tuple[int, ...] | None = None


def shifted(shape: tuple[int, ...], *, sign: bool = False, mirrors: bool = False) -> Any:
    def image(X: Points, rng: np.random.Generator) -> Points:
        out = np.empty_like(X)
        for i, x in enumerate(X):
            u = x.reshape(shape)
            if mirrors:
                u = np.flip(u, [a for a in range(u.ndim) if rng.integers(2)])
                u = u.T if rng.integers(2) else u
            u = np.roll(u, rng.integers(0, 50, u.ndim), range(u.ndim))
            out[i] = (rng.choice([-1, 1]) if sign else 1) * u.ravel()
        return out

    return image


def between(shape: tuple[int, ...]) -> Any:
    """Translations by parts of the grid spacing, of fields without the highest modes."""

    def image(X: Points, rng: np.random.Generator) -> Points:
        U = np.fft.fftn(X.reshape(-1, *shape), axes=range(1, len(shape) + 1))
        for axis, n in enumerate(shape):
            s = rng.uniform(0, n, len(X))
            phase = np.exp(-2j * np.pi * np.fft.fftfreq(n)[None] * s[:, None])
            U = U * phase.reshape(len(X), *[-1 if a == axis else 1 for a in range(len(shape))])
        return np.fft.ifftn(U, axes=range(1, len(shape) + 1)).real.reshape(X.shape)

    return image


def flip_groups(X: Points, rng: np.random.Generator) -> Points:
    X = X.copy()
    for g in ([0, 1], [3]):
        X[:, g] *= rng.choice([-1, 1], len(X))[:, None]
    return X


def permute(groups: Any) -> Any:
    def image(X: Points, rng: np.random.Generator) -> Points:
        out = X.copy()
        for g in map(np.array, groups):
            for i in range(len(X)):
                out[i, g] = X[i, rng.permutation(g)]
        return out

    return image


def turn(X: Points, rng: np.random.Generator) -> Points:
    return np.asarray(X + np.array([1.0, 2.0, 0.0]) * rng.integers(-3, 4, X.shape))


def turn_or_mirror(X: Points, rng: np.random.Generator) -> Points:
    return turn(X, rng) * rng.choice([-1, 1], len(X))[:, None]


def turned_square(X: Points, rng: np.random.Generator) -> Points:
    """Signs and order of the first two coordinates, on a torus of period 2; the last four go in pairs."""
    X = permute([[0, 1]])(X, rng)
    X[:, :2] *= rng.choice([-1, 1], (len(X), 2))
    X[:, 3:5] *= rng.choice([-1, 1], len(X))[:, None]
    exchanged = rng.integers(2, size=len(X)) == 1
    X[exchanged] = X[exchanged][:, [0, 1, 2, 5, 6, 3, 4]]
    X[:, :3] += 2.0 * rng.integers(-3, 4, (len(X), 3))
    return X


PARTICLES = [[(0, 1), (2, 3), (4, 5)]]
MANY = [[(2 * i, 2 * i + 1) for i in range(6)]]
CASES = {
    "torus": Case(lambda: PeriodicCoordinates([1.0, 2.0, np.inf], ATOL), 3, turn),
    "one sign": Case(lambda: SignFlips(ATOL), 4, lambda X, rng: X * rng.choice([-1, 1], len(X))[:, None]),
    "sign groups": Case(lambda: SignFlips(ATOL, [[0, 1], [3]]), 5, flip_groups),
    "coordinates": Case(lambda: Permutations([[0, 2, 3], [1, 4]], ATOL), 6, permute([[0, 2, 3], [1, 4]])),
    "particles": Case(lambda: Permutations(PARTICLES, ATOL), 7, permute(PARTICLES)),
    "many particles": Case(lambda: Permutations(MANY, ATOL), 12, permute(MANY)),
    "torus and mirror": Case(
        lambda: UpTo(PeriodicCoordinates([1.0, 2.0, np.inf], ATOL), {"mirror": np.negative}), 3, turn_or_mirror
    ),
    "square and particles on a torus": Case(
        lambda: SignedPermutations(
            ATOL,
            sign_flips=[[0], [3, 4]],
            permutations=[[0, 1], [(3, 4), (5, 6)]],
            period=[2.0] * 3 + [np.inf] * 4,
        ),
        7,
        lambda X, rng: turned_square(turned_square(X, rng), rng),
    ),
    "line": Case(lambda: Translations(12, ATOL, subgrid=False), 12, shifted((12,))),
    "plane": Case(lambda: Translations((6, 8), ATOL, subgrid=False), 48, shifted((6, 8))),
    "space": Case(lambda: Translations((4, 3, 5), ATOL, subgrid=False), 60, shifted((4, 3, 5))),
    "square": Case(
        lambda: Translations((6, 6), ATOL, subgrid=False, sign=True, mirrors=True),
        36,
        shifted((6, 6), sign=True, mirrors=True),
    ),
    "between points of a line": Case(lambda: Translations(16, ATOL), 16, between((16,)), (16,)),
    "between points of a plane": Case(lambda: Translations((15, 16), ATOL), 240, between((15, 16)), (15, 16)),
}


def draw(case: Case, n: int, spread: float, rng: np.random.Generator) -> Points:
    if case.smooth is None:
        return rng.uniform(-spread, spread, (n, case.dim))
    axes = range(1, len(case.smooth) + 1)
    U = np.fft.rfftn(rng.uniform(-spread, spread, (n, *case.smooth)), axes=axes)
    for axis, size in enumerate(case.smooth):
        k = np.abs(np.fft.fftfreq(size, 1 / size))[: U.shape[axis + 1]]
        U *= (k <= 2).reshape([-1 if a == axis + 1 else 1 for a in range(U.ndim)])
    return np.fft.irfftn(U, s=case.smooth, axes=axes).reshape(n, -1)


def near(X: Points, size: float, rng: np.random.Generator) -> Points:
    step = rng.standard_normal(X.shape)
    return np.asarray(X + size * step / np.linalg.norm(step, axis=1, keepdims=True))


def energy(X: Points) -> Points:
    return np.zeros(len(X))


@pytest.mark.parametrize("name", CASES)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([0.01, 0.1, 1.0]))
@settings(max_examples=40, deadline=None)
def test_equivalence_up_to_tolerance(name: str, seed: int, spread: float) -> None:
    case, rng = CASES[name], np.random.default_rng(seed)
    judgement = case.make()
    X = draw(case, 12, spread, rng)
    others = np.concatenate([case.image(near(X[:6], 0.7 * ATOL, rng), rng), draw(case, 6, spread, rng)])
    assert judgement.same(X, X).all()
    assert judgement.same(X, case.image(X, rng)).all()
    verdict = judgement.same(X, others)
    assert verdict[:6].all()
    assert (judgement.same(others, X) == verdict).all()
    assert (judgement.same(case.image(X, rng), case.image(others, rng)) == verdict).all()
    assert (judgement.same(np.broadcast_to(X[0], X.shape), others) == judgement.same(X[[0] * 12], others)).all()
    # transitive up to tolerance: two steps of at most 0.45 atol
    middle = case.image(near(X, 0.45 * ATOL, rng), rng)
    assert judgement.same(X, case.image(near(middle, 0.45 * ATOL, rng), rng)).all()
    far = case.image(near(X, 1e-9, rng), rng)
    far[:, 0] += 0.37
    assert not judgement.same(X, far).all()


@pytest.mark.parametrize("name", CASES)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_fingerprints_are_invariant_and_move_less_than_points(name: str, seed: int) -> None:
    case, rng = CASES[name], np.random.default_rng(seed)
    judgement = case.make()
    X = draw(case, 12, 1.0, rng)
    f = judgement.fingerprint(X, energy(X))
    assert f.shape == (12, len(judgement.fingerprint_atol))
    assert judgement.fingerprint(case.image(X, rng), energy(X)) == pytest.approx(f, abs=1e-9)
    moved = judgement.fingerprint(case.image(near(X, ATOL, rng), rng), energy(X))
    assert (np.abs(moved - f) <= judgement.fingerprint_atol * (1 + 1e-9)).all()


@pytest.mark.parametrize("name", CASES)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([1e-3, 1e-2, 1.0]))
@settings(max_examples=25, deadline=None)
def test_lookup_finds_what_a_scan_finds(name: str, seed: int, spread: float) -> None:
    case, rng = CASES[name], np.random.default_rng(seed)
    judgement = case.make()
    known = draw(case, 20, spread, rng)
    index = rng.integers(0, 2, 20).astype(np.int32)
    lookup = CellIndex(judgement)
    lookup.add(lookup.locate(known, energy(known), index).own)
    asked = np.concatenate([case.image(near(known, 0.9 * ATOL, rng), rng), draw(case, 5, spread, rng)])
    asked_index = np.concatenate([index, rng.integers(0, 2, 5).astype(np.int32)])
    row, point = lookup.candidates(lookup.locate(asked, energy(asked), asked_index))
    for i, (x, k) in enumerate(zip(asked, asked_index, strict=True)):
        same = judgement.same(np.broadcast_to(x, known.shape), known)
        scan = set(np.flatnonzero(same & (index == k)).tolist())
        found = {p for p in point[row == i].tolist() if same[p]}
        assert found == scan


def test_cells_tell_most_fields_apart() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (500, 256))
    judgement = Translations((16, 16), 1e-3, sign=True, mirrors=True)
    lookup = CellIndex(judgement)
    where = lookup.locate(X, energy(X), np.zeros(500, dtype=np.int32))
    lookup.add(where.own)
    assert len(lookup.candidates(where)[0]) < 20 * 500


def all_shifts(x: Points, y: Points, n: int, epsilon: float) -> bool:
    """Whether the largest difference is at most epsilon for one of the n * n shifts, one after the other."""
    A, B = x.reshape(n, n), y.reshape(n, n)
    for i in range(n):
        rows = np.roll(B, i, 0)
        for j in range(n):
            if np.abs(A - np.roll(rows, j, 1)).max() <= epsilon:
                return True
    return False


def pairs(n: int, count: int, seed: int) -> tuple[Points, Points, np.ndarray]:
    """Half of them shifted copies with a little noise, half different fields of equal norm and spectrum."""
    rng = np.random.default_rng(seed)
    k = np.add.outer(np.fft.fftfreq(n, 1 / n) ** 2, np.fft.rfftfreq(n, 1 / n) ** 2)
    spectrum = np.fft.rfft2(rng.standard_normal((count, n, n))) * np.exp(-k / 8)
    X = np.fft.irfft2(spectrum, s=(n, n)).reshape(count, -1)
    X /= np.abs(X).max(axis=1, keepdims=True)
    same = np.arange(count) % 2 == 0
    Y = shifted((n, n))(X, rng) + 1e-4 * rng.uniform(-1, 1, X.shape)
    # The mirror image of a generic field has the same spectrum and is no translate of it.
    mirrored = X.reshape(count, n, n)[:, ::-1].reshape(count, -1)
    other = np.roll(X, 2, axis=0)
    other *= np.linalg.norm(X, axis=1, keepdims=True) / np.linalg.norm(other, axis=1, keepdims=True)
    Y = np.where(same[:, None], Y, np.where((np.arange(count) % 4 == 1)[:, None], mirrored, other))
    return X, Y, same


@pytest.mark.parametrize("sums", [True, False])
def test_verdicts_of_the_loop_over_all_shifts(sums: bool) -> None:
    X, Y, same = pairs(16, 40, 1)
    if not sums:
        # Fields whose sums along each axis vanish: these say nothing.
        X, Y = (without_sums(U.reshape(-1, 16, 16)).reshape(U.shape) for U in (X, Y))
    judgement = Translations((16, 16), subgrid=False)
    verdict = judgement.same(X, Y)
    assert (verdict == same).all()
    assert (verdict == [all_shifts(x, y, 16, 0.05) for x, y in zip(X, Y, strict=True)]).all()
    assert (Translations((16, 16)).same(X, Y) == same).all()


def without_sums(U: Points) -> Points:
    U = U - U.mean(axis=1, keepdims=True)
    return np.asarray(U - U.mean(axis=2, keepdims=True))


@pytest.mark.parametrize("shape", [(9,), (5, 6), (3, 4, 5)])
def test_bounds_decide_as_the_least_distance_does(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    U = rng.standard_normal((60, *shape))
    axes = range(len(shape))
    for axis in axes:
        U[::2] -= U[::2].mean(axis=axis + 1, keepdims=True)
    V = np.array([np.roll(u, rng.integers(0, 9, len(shape)), axes) for u in U])
    V[::3] = np.flip(V[::3], 1)
    # Many pairs at distances about the tolerance.
    V += rng.standard_normal(V.shape) * rng.uniform(0, 2, len(V)).reshape(-1, *[1] * len(shape)) / np.sqrt(U[0].size)
    shifts = list(np.ndindex(*shape))
    distance = np.min(
        [np.sum((np.roll(U, s, [a + 1 for a in axes]) - V).reshape(60, -1) ** 2, axis=1) for s in shifts], 0
    )
    X, Y = U.reshape(60, -1), V.reshape(60, -1)
    verdict = Translations(shape, 1.0, subgrid=False).same(X, Y)
    assert verdict.tolist() == (distance <= 1.0).tolist()
    assert 0 < verdict.sum() < 60
    # Translations by parts of the spacing only add to those of the grid.
    assert Translations(shape, 1.0).same(X, Y)[verdict].all()


def test_one_point_against_many_of_one() -> None:
    X = draw(CASES["plane"], 1, 1.0, np.random.default_rng(0))
    many = np.broadcast_to(X[0], (5, X.shape[1]))
    for subgrid in (False, True):
        judgement = Translations((6, 8), ATOL, subgrid=subgrid)
        assert judgement.same(many, many).tolist() == [True] * 5
        assert not judgement.same(many, 2 * many + 1).any()
        assert judgement.same(many[:0], many[:0]).shape == (0,)


def test_size_of_the_fields_does_not_matter() -> None:
    X, Y, same = pairs(16, 40, 1)
    for size in (1e-100, 1e100):
        assert (Translations((16, 16), 0.016 * size).same(size * X, size * Y) == same).all()
    assert Translations((16, 16)).same(0 * X, 0 * X).all()


def test_much_faster_than_the_loop() -> None:
    n, count = 64, 200
    X, Y, same = pairs(n, count, 2)
    judgement = Translations((n, n), subgrid=False)
    judgement.same(X, Y)
    begun = time.process_time()
    assert (judgement.same(X, Y) == same).all()
    ours = (time.process_time() - begun) / count
    begun = time.process_time()
    assert not all_shifts(X[1], Y[1], n, 0.05)
    # A thousandfold when measured with care; here other processes may disturb.
    assert (time.process_time() - begun) / ours > 200


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingsError, match="256 variables, the problem has 100"):
        make_judgement(Translations((16, 16)), 100)
    with pytest.raises(SettingsError, match="one, two or three"):
        Translations((2, 2, 2, 2))
    with pytest.raises(SettingsError, match="atol is -1"):
        Translations((4, 4), -1.0)
    with pytest.raises(SettingsError, match="period is"):
        PeriodicCoordinates([1.0, -1.0], 1e-3)
    with pytest.raises(SettingsError, match="2 entries for 3"):
        make_judgement(PeriodicCoordinates([1.0, 1.0], 1e-3), 3)
    with pytest.raises(SettingsError, match="no coordinate 7"):
        make_judgement(SignFlips(1e-3, [[0, 7]]), 3)
    with pytest.raises(SettingsError, match="coordinate 1 is in two"):
        Permutations([[0, 1], [1, 2]], 1e-3)
    with pytest.raises(SettingsError, match="blocks of coordinates of equal length"):
        Permutations([[(0, 1), (2,)]], 1e-3)
    with pytest.raises(SettingsError, match="shape is"):
        Translations((4.5, 4))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="mirrors is 'yes'; give True or False"):
        Translations((4, 4), mirrors="yes")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no sign_flips and no permutations"):
        SignedPermutations(1e-3)
    with pytest.raises(SettingsError, match="coordinates 0 and 1 with periods 1 and 2; give both the same"):
        SignedPermutations(1e-3, permutations=[[0, 1]], period=[1.0, 2.0])
    with pytest.raises(SettingsError, match="more than 1000 maps"):
        SignedPermutations(1e-3, permutations=[list(range(9))])
    with pytest.raises(SettingsError, match="no coordinate 3 in 3"):
        make_judgement(SignedPermutations(1e-3, permutations=[[0, 3]]), 3)
    with pytest.raises(SettingsError, match="2 tolerances for 3"):
        make_judgement(PerCoordinate([1e-3, 1e-3]), 3)


def test_headers_name_the_symmetry() -> None:
    shifts = Translations((4, 4), 1e-2, sign=True)
    assert shifts.as_dict() == {
        "kind": "translations", "shape": [4, 4], "atol": 1e-2, "subgrid": True, "sign": True, "mirrors": False,
    }  # fmt: skip
    assert PeriodicCoordinates(1.0, 1e-3).as_dict() == {"kind": "periodic_coordinates", "period": [1.0], "atol": 1e-3}
    signed = SignedPermutations(1e-3, sign_flips=[[0, 1]], permutations=[[0, 1]])
    assert signed.as_dict() == {
        "kind": "signed_permutations", "sign_flips": [[0, 1]], "permutations": [[[0], [1]]], "period": [None],
        "atol": 1e-3,
    }  # fmt: skip
    assert len(SignedPermutations(1e-3, sign_flips=[[0]], permutations=[[0, 1, 2]]).maps) == 47, "those of the cube"
    assert UpTo(SignFlips(1e-3), {"b": np.negative, "a": np.flip}).as_dict()["maps"] == ["a", "b"]
