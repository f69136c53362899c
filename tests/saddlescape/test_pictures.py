"""SaddleScape's pictures: what is in them, options and files."""

import sys
import types

import numpy as np
import pytest

from landscape_dist.errors import SettingsError
from landscape_dist.saddlescape import Landscape
from landscape_dist.saddlescape.pictures import as_landscape
from tests.saddlescape.examples import CUBIC, MULLER_BROWN, WELL, arrows


@pytest.fixture(scope="module")
def restarted():
    """Müller–Brown with its restart: one of the parents is a minimum."""
    found = Landscape(EnergyFunction=MULLER_BROWN, InitialPoint=[0.15, 0.25], MaxIndex=1)
    found.Run()
    found.RestartFromSaddle(1, [-0.01, 0], 1)
    return found


def artists(figure, kind):
    return [a for a in figure.axes[0].get_children() if type(a).__name__ == kind]


def names(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_all_runs_are_one_landscape(restarted):
    both = as_landscape(restarted._table, restarted.problem, detailed=True)
    assert both.columns.index.tolist() == [row[2] for row in restarted.SaddleList]
    np.testing.assert_array_equal(both.columns.x, [row[1][:, 0] for row in restarted.SaddleList])
    np.testing.assert_allclose(both.columns.energy, restarted.problem.energy(both.columns.x))
    assert {(c.parent_id, c.child_id) for c in both.connections} == arrows(restarted)
    drawn = [(path.child, path.parent) for path in both.trajectories.values()]
    assert drawn == [(row[0], row[1]) for row in restarted.DetailRecord]


def test_trajectories(restarted, tmp_path):
    figure = restarted.DrawTrajectory(DetailedTraj=True, WhetherSave=True, SaveFigurePath=str(tmp_path / "a.png"))
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert len(artists(figure, "FancyArrowPatch")) == len(restarted.DetailRecord)
    assert len(artists(figure, "QuadContourSet")) == 2
    assert names(figure) == ["3 minima", "2 saddles of index 1", "downward search", "other search"]
    assert figure.get_suptitle() == "The Search Trajectory"
    straight = restarted.DrawTrajectory(Contour=False)
    assert len(artists(straight, "FancyArrowPatch")) == len(arrows(restarted))
    assert not artists(straight, "QuadContourSet")
    lines = restarted.DrawTrajectory(Contourf=False, ContourGridNum=20, ContourGridOut=5)
    assert len(artists(lines, "QuadContourSet")) == 1
    x = [row[1][0, 0] for row in restarted.SaddleList]
    assert np.ptp(lines.axes[0].get_xlim()) == pytest.approx(1.5 * np.ptp(x))


def test_styles(restarted):
    figure = restarted.DrawTrajectory(
        Title="mine", TrajectorySet={"color": "red", "linewidth": 0.4, "label": "Search Trajectory"},
        SaddlePointSet=[{"marker": "x", "color": "k", "label": "Index 0 Saddle Point"}], GridSet={"linewidth": 2.0},
    )  # fmt: skip
    assert figure.get_suptitle() == "mine"
    assert names(figure) == ["Index 0 Saddle Point", "2 saddles of index 1", "Search Trajectory"]
    assert artists(figure, "FancyArrowPatch")[0].get_edgecolor()[:3] == (1, 0, 0)
    assert figure.axes[0].get_xgridlines()[0].get_linewidth() == 2.0


def test_connections(restarted, tmp_path):
    figure = restarted.DrawConnection(
        Title="mine", WhetherSave=True, SaveFigurePath=str(tmp_path / "b.svg"),
        SaddlePointSet=[{"node_shape": "s", "node_color": "k", "node_size": 60, "label": "low"}],
        TrajectorySet={"width": 2, "edge_color": "red", "style": "dashed", "label": "path"},
    )  # fmt: skip
    assert (tmp_path / "b.svg").stat().st_size > 1000
    patches = artists(figure, "FancyArrowPatch")
    assert len(patches) == len(arrows(restarted))
    assert patches[0].get_linewidth() == 2
    assert patches[0].get_edgecolor()[:3] == (1, 0, 0)
    assert patches[0].get_linestyle() in ("--", "dashed")
    assert names(figure) == ["low", "2 saddles of index 1", "path"]


def test_other_dimensions():
    line = Landscape(EnergyFunction="(x1**2-1)**2", InitialPoint=[0.1], MaxIndex=1)
    line.Run()
    style = {"color": "red", "label": "Function Curve"}
    figure = line.DrawTrajectory(**{"1DSamples": 200, "1DSamplesOut": 50, "1DFunctionDraw": style})
    assert figure.axes[0].get_ylabel() == "energy"
    (curve,) = artists(figure, "Line2D")
    assert (len(curve.get_xdata()), curve.get_color()) == (301, "red")
    assert np.ptp(curve.get_xdata()) == pytest.approx(1.5 * 2.0, abs=1e-3)
    assert names(figure)[0] == "Function Curve"
    cubic = Landscape(EnergyFunction=CUBIC, InitialPoint=[0, 0, 0], MaxIndex=3)
    cubic.Run()
    for projection in (lambda x: x[:, :2] + x[:, 2:], "oblique"):
        figure = cubic.DrawTrajectory(Projection=projection, DetailedTraj=True)
        # The start is stationary itself: its path has no length.
        assert len(artists(figure, "FancyArrowPatch")) == len(cubic.DetailRecord) - 1


def test_notebooks_show_a_picture_once(restarted, monkeypatch):
    shown = []
    notebook = types.SimpleNamespace(
        get_ipython=lambda: types.SimpleNamespace(kernel=object()),
        display=types.SimpleNamespace(display=shown.append, Image=bytes),
    )
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    figure = restarted.DrawConnection()
    assert [picture[:4] for picture in shown] == [b"\x89PNG"]
    figure._ipython_display_()  # what a notebook calls for the last value of a cell
    assert not hasattr(figure, "_ipython_display_")
    notebook.get_ipython = lambda: None
    assert not hasattr(restarted.DrawConnection(), "_ipython_display_")
    assert len(shown) == 1


def test_fields_without_an_energy():
    flow = Landscape(Grad=["-x2", "-(x1 - x1**3 - 0.3*x2)"], InitialPoint=[0.1, 0.1], MaxIndex=1)
    flow.Run()
    figure = flow.DrawTrajectory(DetailedTraj=True)
    assert figure.axes[1].get_ylabel() == "speed |dx/dt|"
    assert len(artists(figure, "LineCollection")) == 1
    assert names(figure)[0] == "2 stable points"
    flow.DrawConnection()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"ContourGridNumber": 10}, "did you mean 'ContourGridNum'"),
        ({"ContourGridNum": 0}, "ContourGridNum is 0; give a whole number of at least 1"),
        ({"DetailedTraj": "yes"}, "give True or False"),
        ({"TrajectorySet": "blue"}, "give a dict"),
        ({"SaddlePointSet": {"marker": "o"}}, "give a list of dicts"),
        ({"WhetherSave": True, "SaveFigurePath": "a.bmp"}, "give one of .png"),
    ],
)
def test_wrong_options(restarted, wrong, text):
    with pytest.raises(SettingsError, match=text):
        restarted.DrawTrajectory(**wrong)


def test_what_pictures_need():
    found = Landscape(**WELL, SaveTrajectory=False)
    found.Run()
    found.DrawTrajectory()
    with pytest.raises(SettingsError, match="SaveTrajectory"):
        found.DrawTrajectory(DetailedTraj=True)
    found = Landscape(EnergyFunction=CUBIC, InitialPoint=[0, 0, 0], MaxIndex=1)
    found.Run()
    with pytest.raises(SettingsError, match="Projection"):
        found.DrawTrajectory()
