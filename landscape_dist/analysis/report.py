"""The audit in words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landscape_dist.analysis.audit import Audit

_WIDTH = 100
_MOST_IDS = 10


def audit_text(audit: Audit) -> str:
    """A report in plain text, a block for each kind of evidence, the verdict first."""
    blocks = [_verdict(audit), _morse(audit), _arrows(audit), _hits(audit), _upward(audit), _statuses(audit)]
    return "\n\n".join("\n".join(_wrap(line) for line in block) for block in blocks)


def _verdict(audit: Audit) -> list[str]:
    head = f"{audit.n_points} points, {audit.n_searches} searches, index {audit.min_index} to {audit.max_index}"
    if not audit.contradictions:
        return [head, "Nothing contradicts completeness."]
    return [head, "Something is missing:", *(f"  - {text}" for text in audit.contradictions)]


def _morse(audit: Audit) -> list[str]:
    m = audit.morse
    counts = ", ".join(f"{c} of index {k}" for k, c in enumerate(m.counts) if c) or "none"
    expected = "unknown" if m.euler_characteristic is None else str(m.euler_characteristic)
    lines = [
        f"Nondegenerate points: {counts}",
        f"Morse sum {m.morse_sum}, Euler characteristic {expected}: {m.sum_verdict}",
    ]
    if m.slack:
        verdict = "fail at index " + ", ".join(map(str, m.violated)) if m.violated else "hold"
        lines.append(f"Morse inequalities up to index {len(m.slack) - 1} {verdict} (slack {_ids(m.slack)})")
    return lines + [f"  note: {note}" for note in m.notes]


def _arrows(audit: Audit) -> list[str]:
    a = audit.arrows
    lines = [f"Saddles with arrows down: {a.n_saddles - len(a.without_arrows)} of {a.n_saddles}"]
    if a.without_arrows:
        lines.append(f"  none from points {_ids(a.without_arrows)}")
    if a.out_of_domain:
        lines.append(f"  of these, every search left the domain from points {_ids(a.out_of_domain)}")
    lines.append(f"Index-1 points with both branches: {a.n_index_one - len(a.branches_missing)} of {a.n_index_one}")
    if a.branches_missing:
        lines.append(f"  fewer than two branches at points {_ids(tuple(a.branches_missing))}")
    return lines


def _hits(audit: Audit) -> list[str]:
    h = audit.hits
    coverage = "unknown" if h.coverage is None else f"{100 * h.coverage:.2f} %"
    return [
        f"Hits: {h.n_hits} on {h.n_hit} points; {h.singletons} points reached once, {h.doubletons} twice",
        f"Estimated number of points (Chao1): {h.chao1:.1f}; coverage (Good-Turing): {coverage}",
        f"  caveat: {h.caveat}",
        *(
            f"  index {index}: {n} points, hits {least} at least, {median:g} in the median"
            for index, (n, least, median) in h.by_index.items()
        ),
    ]


def _upward(audit: Audit) -> list[str]:
    u = audit.upward
    if u.round is None:
        return ["Upward searches: none"]
    line = f"Last upward round ({u.round}): {u.n_searches} searches, {u.n_new} new points"
    if u.bound is None:
        return [line, "  it still found something; further rounds can find more"]
    return [line, f"  at most {100 * u.bound:.2g} % of such searches would find something new (95 %, rule of three)"]


def _statuses(audit: Audit) -> list[str]:
    return ["Searches by how they ended:", *(f"  {s.count:>8}  {s.status}: {s.advice}" for s in audit.statuses)]


def _ids(ids: tuple[int, ...]) -> str:
    more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
    return ", ".join(map(str, ids[:_MOST_IDS])) + more


def _wrap(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
