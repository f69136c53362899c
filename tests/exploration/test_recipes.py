"""How many searches start from a point, and along which directions."""

from __future__ import annotations

from math import comb

from hypothesis import given
from hypothesis import strategies as st

from landscape_dist.exploration.recipes import downward, upward
from landscape_dist.exploration.settings import ExploreSettings


@given(index=st.integers(0, 7), gap=st.integers(1, 4), n_random=st.integers(0, 2), least=st.integers(0, 2))
def test_downward(index: int, gap: int, n_random: int, least: int) -> None:
    recipes = downward(index, ExploreSettings(max_index=8, min_index=least, max_index_gap=gap, n_random=n_random))
    targets = [k for k in range(index - 1, -1, -1) if k >= least and k >= index - gap]
    assert len(recipes) == sum(comb(index, k) * 2 ** (index - k) for k in targets) * (n_random + 1)
    seen = set()
    for i in range(len(recipes)):
        keep, leave = recipes.keep[i], recipes.leave[i]
        assert sorted(keep + leave) == list(range(index))
        assert len(keep) == recipes.target[i]
        assert set(recipes.sign[i]) <= {1, -1}
        seen.add((keep, leave, recipes.sign[i], int(recipes.repeat[i])))
    assert len(seen) == len(recipes)
    left, signs = recipes.left()
    assert ((left < 0) == (signs == 0)).all()


def test_the_typical_choice() -> None:
    recipes = downward(3, ExploreSettings(max_index=3, combinations="min"))
    assert recipes.keep == ((0, 1), (0, 1))
    assert recipes.leave == ((2,), (2,))
    assert recipes.sign == ((1,), (-1,))


def test_upward_skips_zero_modes_and_keeps_the_unstable_ones() -> None:
    recipes = upward(1, 2, 6, ExploreSettings(max_index=3, null_directions="none"))
    assert recipes.leave == ((3,), (3,), (4,), (4,), (5,), (5,))
    assert recipes.keep[0] == (0, 3)
    assert (recipes.target == 2).all()
    both = upward(1, 2, 6, ExploreSettings(max_index=3))
    assert both.leave == (*recipes.leave, (1,), (1,), (2,), (2,))
    assert len(upward(3, 0, 6, ExploreSettings(max_index=3))) == 0
    assert len(upward(1, 0, 6, ExploreSettings(max_index=3, upward="none"))) == 0
    assert len(upward(0, 0, 100, ExploreSettings(max_index=3, upward_modes=4))) == 8
