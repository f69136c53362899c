"""Problems: energies and vector fields of many variables, in batches.

Importing this needs neither SymPy nor torch; the kinds that use them import them when a problem is built.
"""

from __future__ import annotations

from landscape_dist.problems import systems
from landscape_dist.problems.autodiff import from_torch
from landscape_dist.problems.base import Problem
from landscape_dist.problems.callables import from_callable
from landscape_dist.problems.domain import Ball, Box, Domain, Unbounded, domain_from_dict
from landscape_dist.problems.symbolic_problem import symbolic
from landscape_dist.problems.vector_fields import VectorField, vector_field

__all__ = [
    "Ball",
    "Box",
    "Domain",
    "Problem",
    "Unbounded",
    "VectorField",
    "domain_from_dict",
    "from_callable",
    "from_torch",
    "symbolic",
    "systems",
    "vector_field",
]
