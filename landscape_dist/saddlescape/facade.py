"""`Landscape`: SaddleScape's class on this package's solver."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.ma
import numpy.random
from numpy.typing import ArrayLike

from landscape_dist.campaign.campaign import explore
from landscape_dist.campaign.header import versions
from landscape_dist.campaign.landscape import Landscape as Explored
from landscape_dist.distribute.clusters.shorthands import place_and_lease
from landscape_dist.distribute.runs import runner as _runner  # noqa: F401 - loaded here, not in the first run
from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.saddlescape.parameters import ADDITIONS, ALIASES, PARAMETERS, Values, canonical, column
from landscape_dist.saddlescape.progress import LiveReport, search_lines
from landscape_dist.saddlescape.results import Saddle, SaddleTable, save
from landscape_dist.saddlescape.settings import explore_settings, solver_settings
from landscape_dist.saddlescape.systems import make_problem
from landscape_dist.spaces.judgement import make_judgement

# Parameters that the problem is made of.
SYSTEM = {
    "Dim", "EnergyFunction", "Grad", "AutoDiff", "NumericalGrad", "DimerLength", "SymmetryCheck", "GradientSystem",
    "ExactHessian", "HessianDimerLength", "InitialPoint", "SearchArea",
}  # fmt: skip


class Parameters:
    """The parameters as attributes, for scripts that change them between runs (`landscape.calHiSD.TimeStep = 1e-3`)."""

    def __init__(self, owner: Landscape) -> None:
        object.__setattr__(self, "_owner", owner)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._owner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._owner._set(name, value)


class Landscape:
    """A solution landscape by SaddleScape's names.

    Keywords are those of SaddleScape V-1.0 (see PARAMETERS.md for what each becomes), and

    Args:
        scheme: 'adaptive' (default): the searches move as this package's solver finds best, and what only tunes the
            original's integrator has no effect; 'as_given': the explicit scheme that the keywords describe.
        upward: whether upward searches are made, too, as in `explore`; default 'none', as in the original.
        store: path of a database that the run is kept in and goes on from; the n-th restart gets one beside it, with
            -restart<n> in its name.
        client, workers: where to run, as in `explore`.

    Attributes:
        SaddleList: rows [ID, position (d, 1), Morse index, unstable directions (d, k), parent IDs]; -1 is the start.
        DetailRecord: rows [end ID, start ID, path (t, d), times (t,)], one for each search that found a point.
        landscape: the last run as a `landscape_dist.Landscape`, None before the first.
        calHiSD: the parameters of the solver, to be changed between runs.

    Raises:
        SettingsError: an unknown keyword, with the nearest known one, or a value that cannot work.
        ProblemError: the energy or gradient is not what it should be.
    """

    def __init__(self, **parameters: Any) -> None:
        self._values = Values(parameters)
        if self._values["InitialPoint"] is None:
            raise SettingsError("InitialPoint is not given; give a list of d numbers")
        dim = len(self._values["InitialPoint"])
        if self._values["Dim"] not in (None, dim):
            raise SettingsError(f"Dim is {self._values['Dim']} but InitialPoint has {dim} numbers; make them agree")
        self.problem = make_problem(self._values)
        self.calHiSD = Parameters(self)
        self.landscape: Explored | None = None
        self._table: SaddleTable | None = None
        self._n_restarts = 0
        self._stale = False
        self._warm_up()

    def _warm_up(self) -> None:
        """Generate code and check settings now, so that mistakes show before the run."""
        from landscape_dist.hisd.settings import SolverSettings
        from landscape_dist.hisd.solver import check_settings

        check_settings(self.problem, SolverSettings(**solver_settings(self._values, self.problem)))
        if self.problem.has_hessian and self.problem.dim <= SolverSettings().dense_limit:
            before = self.problem.counters.copy()
            self.problem.gradient_hessian(self._values["InitialPoint"][None])
            self.problem.hessian(self._values["InitialPoint"][None])
            self.problem.counters = before
        versions()

    # -- parameters -------------------------------------------------------------------------------------------
    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and (name in PARAMETERS or name in ADDITIONS or name in ALIASES):
            return self._values[name]
        raise AttributeError(f"Landscape has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and (name in PARAMETERS or name in ADDITIONS or name in ALIASES):
            self._set(name, value)
        else:
            object.__setattr__(self, name, value)

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._stale = self._stale or canonical(name) in SYSTEM

    @property
    def Dim(self) -> int:
        """Number of variables."""
        return int(self.problem.dim)

    # -- runs -------------------------------------------------------------------------------------------------
    def Run(self) -> None:
        """Search from InitialPoint; what an earlier run found is forgotten."""
        if self._stale:
            self.problem, self._stale = make_problem(self._values), False
        self._table, self._n_restarts = None, 0
        self._explore(self._values["InitialPoint"], self._values["MaxIndex"], -1, self._values["store"])

    def RestartFromPoint(self, RestartPoint: ArrayLike, MaxIndex: int) -> None:
        """Search from another point and add what is found.

        Args:
            RestartPoint: d numbers, (d,) or (d, 1). MaxIndex: highest index to look for.
        """
        self._restart(self._point("RestartPoint", RestartPoint), MaxIndex, -1)

    def RestartFromSaddle(self, BeginID: int, Perturbation: ArrayLike, MaxIndex: int) -> None:
        """Search from beside a known point and add what is found.

        Args:
            BeginID: the point's ID. Perturbation: d numbers added to its position. MaxIndex: highest index to look for.
        """
        rows = self.SaddleList
        if isinstance(BeginID, bool) or not isinstance(BeginID, int | np.integer) or not 0 <= BeginID < len(rows):
            raise SettingsError(f"BeginID is {BeginID!r}; give an ID from 0 to {len(rows) - 1}")
        offset = self._point("Perturbation", Perturbation)
        self._restart(rows[BeginID][1][:, 0] + offset, MaxIndex, int(BeginID))

    def _point(self, name: str, value: Any) -> FloatArray:
        x = column(name, value)
        if len(x) != self.problem.dim:
            raise SettingsError(f"{name} has {len(x)} numbers for {self.problem.dim} variables; give one each")
        return x

    def _restart(self, start: FloatArray, max_index: Any, begin: int) -> None:
        number = PARAMETERS["MaxIndex"].check("MaxIndex", max_index)
        store = self._values["store"]
        self._n_restarts += 1
        if store is not None:
            if not isinstance(store, str | os.PathLike):
                raise SettingsError("restarts need a store of their own; give store= as a path, or none")
            path = Path(store)
            store = path.with_name(f"{path.stem}-restart{self._n_restarts}{path.suffix}")
        self._explore(start, number, begin, store)

    def _explore(self, start: FloatArray, max_index: int, begin: int, store: Any) -> None:
        values, problem = self._values, self.problem
        policy = explore_settings(values, min(max_index, problem.dim))
        policy["same"] = make_judgement(policy["same"], problem.dim)
        if self._table is None:
            self._table = SaddleTable(policy["same"], self._frame)
        self._table.judgement = policy["same"]
        place, _ = place_and_lease(client=values["client"], workers=values["workers"])
        landscape = explore(
            problem, start, store=store, on_status=LiveReport(values["ReportInterval"]) if values["Verbose"] else None,
            on=place, **policy, **solver_settings(values, problem),
        )  # fmt: skip
        self.landscape = landscape
        ids = self._table.add(landscape, begin)
        if values["Verbose"]:
            for line in search_lines(landscape, problem, ids, begin, values["ReportInterval"]):
                print(line)
            print(landscape.summary())

    def _frame(self, x: FloatArray, k: int) -> FloatArray:
        """(d,) point -> (d, k) directions of its k lowest (for vector fields: unstable) eigenvalues."""
        from landscape_dist.hisd.curvatures import curvatures_for
        from landscape_dist.hisd.settings import SolverSettings
        from landscape_dist.hisd.start import expand
        from landscape_dist.records import SearchBatch, SearchKind

        none = np.zeros(1, dtype=np.int64)
        batch = SearchBatch(
            k, SearchKind.START, none - 1, x[None], none - 1, none, none, none[None] - 1, none[None],
            np.arange(k)[None], none,
        )  # fmt: skip
        # Implicit steps are made in the coordinates of the user.
        return expand(curvatures_for(self.problem, SolverSettings(step="implicit")), batch).V[0]

    # -- results ----------------------------------------------------------------------------------------------
    @property
    def SaddleList(self) -> list[Saddle]:
        """Rows [ID, position (d, 1), Morse index, unstable directions (d, k), parent IDs]."""
        return self._run_table().rows

    @property
    def DetailRecord(self) -> list[list[Any]]:
        """Rows [end ID, start ID, path (t, d), times (t,)]."""
        return self._run_table().paths(self.problem)

    def _run_table(self) -> SaddleTable:
        if self._table is None:
            raise SettingsError("nothing has been searched yet; call Run() first")
        return self._table

    def Save(self, filepath: str | os.PathLike[str], fileformat: str = "json") -> None:
        """Write <filepath>.<fileformat>, 'json', 'pickle' or 'mat': SaddleID, Position, MorseIndex, FatherSet."""
        save(self._run_table().rows, filepath, fileformat)

    # -- pictures ---------------------------------------------------------------------------------------------
    def DrawTrajectory(self, **options: Any) -> Any:
        """Draw the searches over the energy (of a vector field, over its speed and streamlines), for one variable along
        the energy's curve, for more than two in a projection.

        Args:
            options: as SaddleScape documents them. DetailedTraj: the paths that searches took; else an arrow from each
                parent to its children. Contour, Contourf, ContourGridNum, ContourGridOut, Title, TrajectorySet,
                SaddlePointSet, GridSet, 1DSamples, 1DSamplesOut, 1DFunctionDraw, Projection (a function from (n, d) to
                (n, 2), or what `plots.options.PlaneOptions` takes), WhetherSave, SaveFigurePath.

        Returns:
            matplotlib.figure.Figure.

        Raises:
            SettingsError: an unknown option or bad value, paths that were not kept, or no Projection for d > 2.
        """
        from landscape_dist.saddlescape.pictures import draw_trajectory

        return draw_trajectory(self._run_table(), self.problem, options)

    def DrawConnection(self, **options: Any) -> Any:
        """Draw points and arrows in rows by index.

        Args:
            options: Title, SaddlePointSet, TrajectorySet (with networkx's names or Matplotlib's), WhetherSave,
                SaveFigurePath.

        Returns:
            matplotlib.figure.Figure.

        Raises:
            SettingsError: an unknown option or bad value.
        """
        from landscape_dist.saddlescape.pictures import draw_connection

        return draw_connection(self._run_table(), self.problem, options)
