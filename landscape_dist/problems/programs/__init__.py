"""Formulas as short lists of operations: differentiated as lists, run on floats or on intervals."""

from __future__ import annotations

from landscape_dist.problems.programs.algebra import Algebra
from landscape_dist.problems.programs.instructions import Program, program_of
from landscape_dist.problems.programs.reading import read, read_text

__all__ = ["Algebra", "Program", "program_of", "read", "read_text"]
