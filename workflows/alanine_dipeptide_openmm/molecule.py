"""Alanine dipeptide (ACE-ALA-NME) without any file: atoms from internal coordinates, forces from OpenMM's CHARMM36."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.records import FloatArray

# Name, element, up to three atoms it is placed by, and distance (angstrom), angle and dihedral (degrees) to these.
ATOMS: tuple[tuple[str, str, tuple[str, ...], tuple[Any, ...]], ...] = (
    ("HL1", "H", (), ()),
    ("CL", "C", ("HL1",), (1.11,)),
    ("CLP", "C", ("CL", "HL1"), (1.49, 109.5)),
    ("OL", "O", ("CLP", "CL", "HL1"), (1.23, 121.5, 0.0)),
    ("NL", "N", ("CLP", "CL", "HL1"), (1.34, 116.5, 180.0)),
    ("HL2", "H", ("CL", "CLP", "NL"), (1.11, 109.5, 60.0)),
    ("HL3", "H", ("CL", "CLP", "NL"), (1.11, 109.5, -60.0)),
    ("HL", "H", ("NL", "CLP", "CL"), (1.00, 120.0, 0.0)),
    ("CA", "C", ("NL", "CLP", "CL"), (1.45, 122.0, 180.0)),
    ("CRP", "C", ("CA", "NL", "CLP"), (1.52, 110.0, "phi")),
    ("NR", "N", ("CRP", "CA", "NL"), (1.34, 116.5, "psi")),
    ("OR", "O", ("CRP", "CA", "NR"), (1.23, 121.0, 180.0)),
    ("CB", "C", ("CA", "NL", "CRP"), (1.54, 110.0, -122.0)),
    ("HA", "H", ("CA", "NL", "CRP"), (1.08, 109.0, 118.0)),
    ("HB1", "H", ("CB", "CA", "NL"), (1.11, 110.0, 60.0)),
    ("HB2", "H", ("CB", "CA", "NL"), (1.11, 110.0, 180.0)),
    ("HB3", "H", ("CB", "CA", "NL"), (1.11, 110.0, -60.0)),
    ("HR", "H", ("NR", "CRP", "CA"), (1.00, 120.0, 0.0)),
    ("CR", "C", ("NR", "CRP", "CA"), (1.45, 122.0, 180.0)),
    ("HR1", "H", ("CR", "NR", "CRP"), (1.11, 109.5, 60.0)),
    ("HR2", "H", ("CR", "NR", "CRP"), (1.11, 109.5, 180.0)),
    ("HR3", "H", ("CR", "NR", "CRP"), (1.11, 109.5, -60.0)),
)
NAMES = tuple(name for name, *_ in ATOMS)
PHI = tuple(NAMES.index(name) for name in ("CLP", "NL", "CA", "CRP"))
PSI = tuple(NAMES.index(name) for name in ("NL", "CA", "CRP", "NR"))
BACKBONE = (*PHI, PSI[-1])
"""The five atoms that both angles are made of."""


def positions(phi: float, psi: float) -> FloatArray:
    """(22, 3) in nm: an L-alanine dipeptide with trans amides and these dihedral angles in degrees."""
    x: dict[str, FloatArray] = {}
    for name, _, others, values in ATOMS:
        numbers = [{"phi": phi, "psi": psi}[v] if isinstance(v, str) else v for v in values]
        a = [x[other] for other in others]
        if not a:
            x[name] = np.zeros(3)
        elif len(a) == 1:
            x[name] = a[0] + np.array([numbers[0], 0.0, 0.0])
        else:
            along = (a[0] - a[1]) / np.linalg.norm(a[0] - a[1])
            side = np.array([0.0, 1.0, 0.0]) if len(a) == 2 else np.cross(a[1] - a[2], along)
            normal = side / np.linalg.norm(side)
            angle, turn = np.radians([numbers[1], numbers[2] if len(a) == 3 else 0.0])
            across = np.cos(turn) * np.cross(normal, along) + np.sin(turn) * normal
            x[name] = a[0] + numbers[0] * (np.sin(angle) * across - np.cos(angle) * along)
    return 0.1 * np.array([x[name] for name in NAMES])


def dihedral(x: FloatArray, atoms: tuple[int, ...]) -> float:
    """Of four of the rows of x, (atoms, 3); in degrees, from -180 to 180."""
    a, b, c, d = (x[i] for i in atoms)
    axis = (c - b) / np.linalg.norm(c - b)
    v, w = a - b, d - c
    v, w = v - (v @ axis) * axis, w - (w @ axis) * axis
    return float(np.degrees(np.arctan2(np.cross(axis, v) @ w, v @ w)))


def system() -> Any:
    """An openmm.System of the molecule in vacuum: CHARMM36 without CMAP, every bond flexible, no cutoff."""
    from openmm import app

    topology = app.Topology()
    residue = topology.addResidue("ALAD", topology.addChain())
    atoms = {name: topology.addAtom(name, app.Element.getBySymbol(kind), residue) for name, kind, *_ in ATOMS}
    for name, _, others, _ in ATOMS:
        if others:
            topology.addBond(atoms[name], atoms[others[0]])
    made = app.ForceField("charmm36.xml").createSystem(
        topology, nonbondedMethod=app.NoCutoff, constraints=None, removeCMMotion=False,
        residueTemplates={residue: "ALAD"},
    )  # fmt: skip
    _drop(made, "CMAPTorsionForce")
    return made


def merge_lennard_jones(system: Any) -> None:
    """Put CHARMM's 'LennardJones' and 'LennardJones14' forces into the NonbondedForce of a small system, in place.

    OpenMM evaluates them as formulas with tables.  As exceptions of the NonbondedForce, one a pair, they give the same
    energies and forces, and steps take a sixth of the time.
    """
    forces = {force.getName(): force for force in system.getForces()}
    coulomb, pairs, near = forces["NonbondedForce"], forces["LennardJones"], forces["LennardJones14"]
    n = system.getNumParticles()
    n_types, _, repulsive = pairs.getTabulatedFunction(0).getFunctionParameters()
    A = np.array(repulsive).reshape(n_types, -1)
    B = np.array(pairs.getTabulatedFunction(1).getFunctionParameters()[2]).reshape(n_types, -1)
    kind = [int(pairs.getParticleParameters(i)[0]) for i in range(n)]
    parameters = {}
    for i in range(n):
        for j in range(i):
            a, b = A[kind[i], kind[j]], B[kind[i], kind[j]]  # a / r^12 - b / r^6
            parameters[j, i] = ((a / b) ** (1 / 6), b * b / (4 * a)) if a > 0 and b > 0 else (1.0, 0.0)
    for k in range(pairs.getNumExclusions()):
        parameters[_pair(*pairs.getExclusionParticles(k))] = (1.0, 0.0)
    names = [near.getPerBondParameterName(k) for k in range(near.getNumPerBondParameters())]
    for k in range(near.getNumBonds()):
        i, j, values = near.getBondParameters(k)
        known = dict(zip(names, values, strict=True))
        parameters[_pair(i, j)] = (known["sigma"], known["epsilon"])
    charge = [coulomb.getParticleParameters(i)[0] for i in range(n)]
    product = {(j, i): charge[i] * charge[j] for i in range(n) for j in range(i)}
    for k in range(coulomb.getNumExceptions()):
        i, j, value, *_ = coulomb.getExceptionParameters(k)
        product[_pair(i, j)] = value
    for (i, j), (sigma, epsilon) in parameters.items():
        coulomb.addException(i, j, product[i, j], sigma, epsilon, True)
    _drop(system, "LennardJones", "LennardJones14")


def _pair(i: int, j: int) -> tuple[int, int]:
    return (i, j) if i < j else (j, i)


def _drop(system: Any, *names: str) -> None:
    for i in reversed(range(system.getNumForces())):
        if system.getForce(i).getName() in names:
            system.removeForce(i)
