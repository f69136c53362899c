"""The kinds of evidence on completeness, and what they say in words."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from typing import Any

from landscape_dist.analysis.morse import MorseEvidence
from landscape_dist.analysis.proof_evidence import CertificateEvidence, ProofEvidence

_WIDTH = 100
_MOST_IDS = 10

COVERAGE_CAVEAT = (
    "searches are no random sample: the children of one parent are spread over its branches on purpose, so these "
    "numbers compare runs of one problem and bound nothing"
)


@dataclass(frozen=True, slots=True)
class ArrowEvidence:
    """Whether saddles have the arrows that they must have.

    Attributes:
        n_saddles: points of index above `min_index`, from which arrows down are due.
        without_arrows: ids of those that have none.
        out_of_domain: ids among them from which a search down left the domain or came to a point of another index,
            which explains it.
        n_index_one: points of index 1 (0 where min_index is above 0).
        branches_missing: id -> number of branches (0 or 1) of index-1 points with fewer than the two they have.
    """

    n_saddles: int
    without_arrows: tuple[int, ...]
    out_of_domain: tuple[int, ...]
    n_index_one: int
    branches_missing: dict[int, int]


@dataclass(frozen=True, slots=True)
class HitEvidence:
    """How often points were reached.

    Attributes:
        n_hits: searches that ended at a point.
        n_hit: points reached at least once.
        singletons, doubletons: points reached once, twice (f1, f2).
        chao1: n_hit + f1 (f1 - 1) / (2 (f2 + 1)), the bias-corrected lower bound for the number of points
            (A. Chao, Scand. J. Statist. 11 (1984) 265; corrected form in Chao, Encycl. Stat. Sci. (2005), p. 7907).
        coverage: 1 - f1 / n_hits, the estimated share of searches that end at a known point (I. J. Good,
            Biometrika 40 (1953) 237, eq. 9); None without hits.
        by_index: index -> (points, least hits, median hits).
        caveat: why this is evidence and no bound.
    """

    n_hits: int
    n_hit: int
    singletons: int
    doubletons: int
    chao1: float
    coverage: float | None
    by_index: dict[int, tuple[int, int, float]]
    caveat: str = COVERAGE_CAVEAT


@dataclass(frozen=True, slots=True)
class UpwardEvidence:
    """What the last round of upward searches found.

    Attributes:
        round: number of that round; None where no upward search was made.
        n_searches: upward searches in it.
        n_new: points that they found.
        bound: with n_new = 0, the 95 % upper bound 3 / n_searches (rule of three) on the share of upward searches
            that would find something new; None otherwise.
    """

    round: int | None
    n_searches: int
    n_new: int
    bound: float | None


@dataclass(frozen=True, slots=True)
class RestartEvidence:
    """What searches from random points, from between points and along curves found.

    Attributes:
        n_searches: of them, in all. n_new: points that they found.
        n_fruitless: those made since the last new point was found, by whatever search.
        bound: the 95 % upper bound 3 / n_fruitless (rule of three) on the share of them that would find something new;
            None where there were none.
    """

    n_searches: int
    n_new: int
    n_fruitless: int
    bound: float | None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many searches ended in one way, and what a user can do about it."""

    status: str
    count: int
    advice: str


@dataclass(frozen=True, slots=True)
class NearZero:
    """A curvature that is neither clearly zero nor clearly not, so that index and nullity hang on where zero ends.

    Attributes:
        id: of the point. eigenvalue: the smallest in size. largest: size of the largest that is kept.
    """

    id: int
    eigenvalue: float
    largest: float


@dataclass(frozen=True)
class Audit:
    """Evidence on completeness.

    The verdict is 'contradicted' where something is proved to be missing (`contradictions` say what), 'proved' where
    interval arithmetic shows that the points are all there are in a box, 'weak' where `weaknesses` leave doubt,
    'supported' otherwise: evidence, no proof.  `str(audit)` is a report in plain text,
    `as_dict()` is for JSON.
    """

    n_points: int
    n_searches: int
    min_index: int
    max_index: int
    morse: MorseEvidence
    arrows: ArrowEvidence
    hits: HitEvidence
    upward: UpwardEvidence
    restarts: RestartEvidence
    statuses: tuple[StatusCount, ...]
    weaknesses: tuple[str, ...] = ()
    near_zero: tuple[NearZero, ...] = ()
    proof: ProofEvidence | None = None
    certificates: CertificateEvidence | None = None

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What cannot be so in a complete landscape."""
        found = []
        m = self.morse
        if m.sum_verdict == "violated":
            found.append(f"Morse sum is {m.morse_sum}, the Euler characteristic {m.euler_characteristic}")
        if self.proof is not None and self.proof.n_missing:
            found.append(f"{self.proof.n_missing} of {self.proof.n_proved} points proved to be there are missing")
        if self.certificates is not None and self.certificates.wrong_index:
            found.append(f"points {_ids(self.certificates.wrong_index)} are proved to have another index")
        if self.certificates is not None:
            found += self.certificates.wrong_arrows
        found += [f"Morse inequality at index {k} fails by {-m.slack[k]}" for k in m.violated]
        return tuple(found)

    @property
    def verdict(self) -> str:
        """'contradicted', 'proved', 'weak' or 'supported'."""
        if self.contradictions:
            return "contradicted"
        if self.proof is not None and self.proof.settled:
            return "proved"
        return "weak" if self.weaknesses else "supported"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is not 'supported', or 'proved' and what that says nothing about."""
        return (*self.contradictions, *self.weaknesses)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, text, lists and dicts, with `verdict` and `contradictions`."""
        return asdict(self) | {"verdict": self.verdict, "contradictions": list(self.contradictions)}

    def __str__(self) -> str:
        """A report in plain text, a block for each kind of evidence, the verdict first."""
        blocks = (_verdict, _proof, _morse, _arrows, _hits, _upward, _restarts, _statuses)
        return "\n\n".join("\n".join(_wrap(line) for line in block(self)) for block in blocks)


# -- in words -----------------------------------------------------------------------------------------------------
def _verdict(audit: Audit) -> list[str]:
    head = f"{audit.n_points} points, {audit.n_searches} searches, index {audit.min_index} to {audit.max_index}"
    lines = [head, f"Verdict: {audit.verdict}"]
    if audit.contradictions:
        lines += ["Something is missing:", *(f"  - {text}" for text in audit.contradictions)]
    if audit.weaknesses:
        about = " about arrows" if audit.verdict == "proved" else ""
        lines += [f"What leaves doubt{about}:", *(f"  - {text}" for text in audit.weaknesses)]
    if audit.contradictions:
        return lines
    if audit.verdict == "proved":
        what = f"These are all points of index {audit.min_index} to {audit.max_index} in the box below."
    else:
        what = "Nothing contradicts completeness."
    return [*lines[:2], what, *lines[2:]]


def _proof(audit: Audit) -> list[str]:
    certified = [] if audit.certificates is None else [f"Certificates: {audit.certificates}"]
    return [*_of_box(audit.proof), *certified]


def _of_box(p: ProofEvidence | None) -> list[str]:
    if p is None:
        return ["Proof: none was tried"]
    box = p.box_text
    if not p.complete:
        lines = [f"Proof: not finished, {100 * p.volume_left:.2g} % of {box} is undecided after {p.n_boxes} boxes"]
        return [*lines, f"  {p.flood}"] if p.flood else lines
    return [
        f"Proof: {p.n_proved} points in {box} and no others, by interval arithmetic on {p.n_boxes} boxes, of the "
        "formula in real numbers",
        *([f"  {p.n_missing} of them are missing"] if p.n_missing else []),
        *([f"  {p.n_unproved} points of the landscape are none of them"] if p.n_unproved else []),
        *([f"  {p.n_merged} of them are so near to others that both count as one point"] if p.n_merged else []),
        *([f"  of {p.n_unknown} the index is not proved"] if p.n_unknown else []),
    ]


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
    lines += [f"  note: {note}" for note in m.notes]
    if audit.near_zero:
        lines.append("Curvatures near zero, on which index and nullity hang:")
        lines += [f"  point {p.id}: {p.eigenvalue:.2e} beside {p.largest:.2e}" for p in audit.near_zero[:_MOST_IDS]]
        if len(audit.near_zero) > _MOST_IDS:
            lines.append(f"  and at {len(audit.near_zero) - _MOST_IDS} more points")
    return lines


def _arrows(audit: Audit) -> list[str]:
    a = audit.arrows
    lines = [f"Saddles with arrows down: {a.n_saddles - len(a.without_arrows)} of {a.n_saddles}"]
    if a.without_arrows:
        lines.append(f"  none from points {_ids(a.without_arrows)}")
    if a.out_of_domain:
        lines.append(f"  of these, searches left the domain or came to other points from {_ids(a.out_of_domain)}")
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


def _restarts(audit: Audit) -> list[str]:
    r = audit.restarts
    if not r.n_searches:
        return ["Restarts: none"]
    line = f"Restarts: {r.n_searches}, which found {r.n_new} points; {r.n_fruitless} since the last new point"
    if r.bound is None:
        return [line]
    return [line, f"  at most {100 * r.bound:.2g} % of such searches would find something new (95 %, rule of three)"]


def _statuses(audit: Audit) -> list[str]:
    return ["Searches by how they ended:", *(f"  {s.count:>8}  {s.status}: {s.advice}" for s in audit.statuses)]


def _ids(ids: tuple[int, ...]) -> str:
    more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
    return ", ".join(map(str, ids[:_MOST_IDS])) + more


def _wrap(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
