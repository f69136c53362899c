import itertools
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.errors import ProblemError
from landscape_dist.problems import Box, symbolic, systems
from landscape_dist.problems.formula_code import GeneratedCode, ProgramCode
from landscape_dist.problems.programs import on_floats
from landscape_dist.problems.symbolic_problem import SymbolicProblem
from landscape_dist.testing import check_problem

FORMULAS = [
    "(x1**2-1)**2 + 2*(x2**2-1)**2 + x1*x2",
    "x1**4 - 1.5*x1**2*x2**2 + x2**4 - 2*x2**3 + x2**2 + x1**2*x2 - 2*x1**2",
    "exp(-x1**2 - 2*(x2-0.3)**2)*sin(x1*x2) + cosh(x1) + tanh(x2)**3",
    "sqrt(1 + x1**2 + x2**2) + (1 + x1**2)**1.5 + (2 + x2**2)**-0.5 + (1 + x1**2)**(1/3)",
    "log(2 + x1**2)/(1 + x2**2)**2 + 1/(3 + x1) + atan(x1 - 5)**2 + atan2(x1 + 3, x2 + 4)",
    "abs(x1 - 3) + erf(x2) + tan(x1/4) + asin(x2/8) + acos(x1/9) + asinh(x1) + acosh(x2 + 8) + atanh(x1/9)",
    "x1**7 - x1**5 + x1**3 + x1*x2**6 + pi*x1 + E*x2 + 2**x1",
    "3*x1 - x2",
    "5 + x2**2",
]


def lattice(d, c=0.2):
    wells = "+".join(f"{1 + 0.3 * i}*(x{i + 1}**2-1)**2" for i in range(d))
    return wells + "".join(f"+{c}*x{i}*x{i + 1}" for i in range(1, d))


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_keep_the_contract(formula):
    check_problem(symbolic(formula))


@pytest.mark.parametrize("formula", FORMULAS)
def test_values_are_those_of_sympy(formula):
    problem = symbolic(formula)
    symbols = sympy.symbols(f"x1:{problem.dim + 1}", real=True)
    X = np.random.default_rng(0).uniform(-0.9, 0.9, (3, problem.dim))
    g, H = problem.gradient_hessian(X)
    for n, x in enumerate(X):
        at = dict(zip(symbols, x.tolist(), strict=True))
        assert problem.energy(X)[n] == pytest.approx(float(problem.expression.evalf(20, subs=at)), rel=1e-12)
        for i, j in itertools.product(range(problem.dim), repeat=2):
            first = problem.expression.diff(symbols[i])
            assert g[n, i] == pytest.approx(float(first.evalf(20, subs=at)), rel=1e-11, abs=1e-11)
            second = first.diff(symbols[j])
            assert H[n, i, j] == pytest.approx(float(second.evalf(20, subs=at)), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("n", [0, 1, 5, 5000])
def test_same_as_the_named_lattice(n):
    named, formula = systems.coupled_lattice(dim=6), symbolic(lattice(6))
    X = np.random.default_rng(1).uniform(-1.5, 1.5, (n, 6))
    V = np.random.default_rng(2).normal(size=(n, 6, 2))
    np.testing.assert_allclose(formula.energy(X), named.energy(X), rtol=1e-12)
    for a, b in zip(formula.gradient_hessian(X), named.gradient_hessian(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(formula.hvp(X, V), named.hvp(X, V), rtol=1e-12, atol=1e-11)


exponents = st.lists(st.integers(0, 4), min_size=3, max_size=3)
terms = st.lists(st.tuples(st.integers(-9, 9).filter(bool), exponents), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(terms)
def test_random_polynomials(terms):
    """Values and both derivatives of a polynomial, monomial by monomial."""
    text = " + ".join(f"({a})*x1^{e[0]}*x2^{e[1]}*x3^{e[2]}" for a, e in terms)
    problem = symbolic(text, dim=3)
    X = np.array([[0.7, -1.3, 0.4], [1.1, 0.2, -0.9], [0.0, 1.0, 0.5]])

    def monomials(*derivatives):
        total = np.zeros(len(X))
        for a, e in terms:
            power, factor = list(e), float(a)
            for i in derivatives:
                factor *= power[i]
                power[i] = max(power[i] - 1, 0)
            total += factor * np.prod(X ** np.array(power), axis=1)
        return total

    g, H = problem.gradient_hessian(X)
    np.testing.assert_allclose(problem.energy(X), monomials(), rtol=1e-10, atol=1e-10)
    for i in range(3):
        np.testing.assert_allclose(g[:, i], monomials(i), rtol=1e-10, atol=1e-10)
        for j in range(3):
            np.testing.assert_allclose(H[:, i, j], monomials(i, j), rtol=1e-10, atol=1e-10)


def test_dimension():
    assert symbolic("x1 + x4**2").dim == 4
    gap = symbolic("x1**2 + x4**2", dim=6)
    H = gap.hessian(np.ones((2, 6)))
    assert np.count_nonzero(H[0]) == 2
    assert symbolic("x**2", variables=["x", "y"]).dim == 2
    assert symbolic("3", dim=2).gradient(np.ones((3, 2))).tolist() == [[0.0, 0.0]] * 3
    with pytest.raises(ProblemError, match="holds x4 but dim is 3"):
        symbolic("x1 + x4", dim=3)
    with pytest.raises(ProblemError, match="holds no variable"):
        symbolic("3")
    with pytest.raises(ProblemError, match="dim is 0"):
        symbolic("3", dim=0)


def test_what_evaluates_is_made_when_asked_for():
    code = code_of_formula("x1**4")
    assert code.made() == set()
    code.gradient(np.ones((1, 1)))
    assert code.made() == {"gradient"}
    code.gradient_jacobian(np.ones((1, 1)))
    assert code.made() == {"gradient", "both"}


def code_of_formula(formula):
    problem = symbolic(formula, check=False)
    assert isinstance(problem._code, ProgramCode)
    return problem._code


@pytest.mark.parametrize("formula", FORMULAS)
def test_programs_and_generated_code_agree(formula):
    """Two ways to the same derivatives: of lists of operations, and SymPy's."""
    problem = symbolic(formula)
    d = problem.dim
    sympys = GeneratedCode([sympy.srepr(problem.expression)], d, energy=True)
    rng = np.random.default_rng(1)
    X, V = rng.uniform(-0.9, 0.9, (300, d)), rng.normal(size=(300, d, 2))
    pairs = [
        (problem.energy(X), sympys.values(X)[:, 0]),
        (problem.gradient(X), sympys.gradient(X)),
        (problem.hessian(X), sympys.jacobian(X)),
        *zip(problem.gradient_hessian(X), sympys.gradient_jacobian(X), strict=True),
        (problem.hvp(X, V), sympys.products(X, V)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("longest", [on_floats.LONGEST, 0])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_point_is_the_same_in_any_batch(formula, longest, monkeypatch):
    """Few points are evaluated in another order of operations than many, and than long programs: to the same bits."""
    problem = symbolic(formula)
    _, H_before = problem.gradient_hessian(np.full((400, problem.dim), 0.3))
    monkeypatch.setattr(on_floats, "LONGEST", longest)
    np.testing.assert_array_equal(problem.gradient_hessian(np.full((400, problem.dim), 0.3))[1], H_before)
    X = np.random.default_rng(2).uniform(-0.9, 0.9, (2500, problem.dim))
    E, (g, H) = problem.energy(X), problem.gradient_hessian(X)
    for some in (slice(0, 1), slice(17, 40), slice(2300, 2441)):
        np.testing.assert_array_equal(problem.energy(X[some]), E[some])
        for part, whole in zip(problem.gradient_hessian(X[some]), (g, H), strict=True):
            np.testing.assert_array_equal(part, whole[some])
        if isinstance(problem._code, ProgramCode):  # of generated code each function is another
            np.testing.assert_array_equal(problem.gradient(X[some]), g[some])
            np.testing.assert_array_equal(problem.hessian(X[some]), H[some])


def test_sympy_expression_with_piecewise():
    x, y = sympy.symbols("x y")
    problem = symbolic(sympy.Piecewise((x**2, x > 0), (x**4, True)) + y**2, variables=["x", "y"])
    assert isinstance(problem._code, GeneratedCode)  # programs know no cases
    np.testing.assert_allclose(pickle.loads(pickle.dumps(problem)).energy(np.array([[2.0, 1.0]])), [5.0])
    X = np.array([[0.5, 0.1], [-0.5, 0.2]])
    np.testing.assert_allclose(problem.gradient(X), [[1.0, 0.2], [-0.5, 0.4]])
    np.testing.assert_allclose(problem.hessian(X)[:, 0, 0], [2.0, 3.0])


def test_functions_without_code_are_refused():
    f = sympy.Function("f")
    with pytest.raises(ProblemError, match="cannot turn"):
        symbolic(f(sympy.Symbol("x1")))


def test_not_finite_anywhere():
    with pytest.raises(ProblemError, match=r"energy is nan at x = .* suggested_start= where it is defined, or domain="):
        symbolic("log(-1 - x1**2)")
    assert symbolic("log(x1 - 10)", suggested_start=[12.0]).dim == 1
    assert symbolic("log(x1 - 10)", domain=Box(11, 12)).dim == 1


def test_values_outside_the_range_do_not_warn():
    problem = symbolic("exp(x1**2) + log(x1)")
    assert np.isinf(problem.energy(np.array([[100.0]])))[0]
    assert np.isnan(problem.energy(np.array([[-1.0]])))[0]


def test_pickle_needs_no_sympy():
    problem = symbolic(FORMULAS[0])
    X = np.array([[0.3, -0.4]])
    H = problem.gradient_hessian(X)[1]
    data = pickle.dumps(problem)
    code = (
        "import sys, pickle, numpy as np\n"
        "p = pickle.loads(sys.stdin.buffer.read())\n"
        "H = p.gradient_hessian(np.array([[0.3, -0.4]]))[1]\n"
        "assert 'sympy' not in sys.modules\n"
        "sys.stdout.buffer.write(H.tobytes())\n"
    )
    out = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True).stdout
    assert out == H.tobytes()
    twin = pickle.loads(data)
    assert twin.expression == problem.expression
    np.testing.assert_array_equal(twin.hvp(X, np.ones((1, 2, 1))), problem.hvp(X, np.ones((1, 2, 1))))


def test_fingerprint_is_of_the_mathematics():
    a = symbolic("x1*x2 + x1^2", name="a").fingerprint()
    assert a == symbolic("x1**2 + x2*x1", name="b").fingerprint()
    assert a == symbolic("p*q + p**2", variables=["p", "q"]).fingerprint()
    assert a == symbolic(sympy.sympify("x1*x2 + x1**2")).fingerprint()
    others = [symbolic("x1*x2 + x1^3"), symbolic("x1*x2 + x1^2", dim=3), symbolic("x1*x2 + x1^2", domain=Box(-1, 1))]
    assert len({a, *(other.fingerprint() for other in others)}) == 4


def test_definition_and_names():
    problem = symbolic("x1**2", name="bowl", domain=Box(-1, 1), suggested_start=[0.5], suggested_max_index=1)
    assert isinstance(problem, SymbolicProblem)
    assert problem.name == "bowl"
    assert problem.definition["formula"] == "x1**2"
    assert problem.suggested_start.tolist() == [0.5]
    assert problem.counters.n_energies == 0


def test_sparse_hessians_are_the_dense_ones():
    problem = symbolic(lattice(70) + "+exp(-x3**2)*x60")
    assert problem.has_sparse_hessian
    x = np.random.default_rng(0).uniform(-1, 1, 70)
    np.testing.assert_array_equal(problem.sparse_hessian(x).toarray(), problem.hessian(x[None])[0])
    assert problem.counters.n_hessians == 2


def test_what_has_no_sparse_hessian():
    assert not symbolic("x1**4").has_sparse_hessian  # nothing is gained
    dense = "(" + "+".join(f"{i}*x{i}" for i in range(1, 81)) + ")**4"
    assert not symbolic(dense).has_sparse_hessian
    x = sympy.symbols("x1:71", real=True)
    assert not symbolic(sum(sympy.Piecewise((v**2, v > 0), (v**4, True)) for v in x)).has_sparse_hessian


def test_formulas_of_many_variables():
    """Derivatives of a long sum cost what its terms do."""
    d = 1000
    problem = symbolic("+".join(f"100*(x{i + 1}-x{i}**2)**2+(1-x{i})**2" for i in range(1, d)), dim=d)
    named = systems.rosenbrock(d, s=0.0)
    X = np.random.default_rng(0).uniform(-1, 1, (2, d))
    V = np.random.default_rng(1).normal(size=(2, d, 2))
    np.testing.assert_allclose(problem.gradient(X), named.gradient(X), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(problem.hvp(X, V), named.hvp(X, V), rtol=1e-9, atol=1e-8)
    assert problem.sparse_hessian(X[0]).nnz == 3 * d - 2


EXTREMES = [
    ("0.05*x1^2 + 1/(exp((x1-6.2)/0.0257)+1)", 6.21),
    ("1/(exp((x1-7)/0.01)+1)", 7.0001),
    ("(x1/100-1)^160", 190.0),
    ("((x1-1e-10)/1e-10)^32", 1.5e-10),
    ("(1e10*x1-2)^-36", 4e-10),
    ("((x1-1)/7)^400 + ((x1-1)/7)^378", 7.5),
    ("(10*x1-5)^400", 0.6),
    ("(1e-30*x1-1)^12", 1.0),
    ("exp(-(x1-5)^2/1e-4)*(3e-10/(1e-10*x1-4e-10))^12", 5.001),
]


@pytest.mark.parametrize(("formula", "x"), EXTREMES)
def test_coefficients_stay_in_the_range_of_doubles(formula, x):
    """Taken out of powers of sums, they would not, and 0 * inf is nothing."""
    problem = symbolic(formula, suggested_start=[x])
    symbol, E = sympy.Symbol("x1", real=True), problem.expression
    exact = [float(f.evalf(40, subs={symbol: sympy.Float(x, 60)})) for f in (E, E.diff(symbol), E.diff(symbol, 2))]
    for n in (1, 300):
        X = np.full((n, 1), x)
        g, H = problem.gradient_hessian(X)
        assert problem.energy(X)[-1] == pytest.approx(exact[0], rel=1e-9)
        assert g[-1, 0] == pytest.approx(exact[1], rel=1e-9)
        assert H[-1, 0, 0] == pytest.approx(exact[2], rel=1e-9)


@pytest.mark.parametrize("formula", ["1/(1 + exp(-1000*(x1 + 0.9)))", "x1^2/(10^300)/(10^100) + x1"])
def test_numbers_beyond_doubles_are_refused(formula):
    with pytest.raises(ProblemError, match="too large or too small for a double"):
        symbolic(formula, suggested_start=[-0.9])


def test_powers_with_variable_exponents_are_those_of_the_library():
    problem = symbolic("x1**x2 + x2**2")
    assert isinstance(problem._code, GeneratedCode)
    np.testing.assert_array_equal(problem.energy(np.array([[-2.0, 2.0], [0.0, 0.0]])), [8.0, 1.0])


def test_divisions_by_zero_are_said():
    with pytest.raises(ProblemError):
        symbolic("x1^2 + x2^2 + 1/(x1*(2*x2-2) - 2*x1*(x2-1))", suggested_start=[1.0, 1.0])


def test_products_do_not_warn_where_nothing_is_finite():
    problem = symbolic("1/x1 + x2**2", suggested_start=[1.0, 1.0])
    for n in (1, 100):
        Y = problem.hvp(np.tile([0.0, 1.0], (n, 1)), np.zeros((n, 2, 1)))
        assert np.isnan(Y[:, 0]).all()
        assert (Y[:, 1] == 0).all()


@pytest.mark.parametrize("n", [1, 30, 200, 5000])
def test_products_are_those_with_hessians(n):
    problem = symbolic(lattice(6) + "+exp(-x3**2)*x5*x1")
    rng = np.random.default_rng(n)
    X, V = rng.uniform(-1, 1, (n, 6)), rng.normal(size=(n, 6, 3))
    np.testing.assert_allclose(problem.hvp(X, V), problem.hessian(X) @ V, rtol=1e-11, atol=1e-11)


def test_threads_may_share_a_problem():
    """All that is made at first use is made once."""
    X = np.random.default_rng(0).uniform(-1, 1, (40, 12))
    formula = lattice(12) + "".join(f"+sin(x{i}*x{i + 1})" for i in range(1, 12))
    expected = symbolic(formula).gradient_hessian(X)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(5):
            problem = symbolic(formula)
            with ThreadPoolExecutor(4) as pool:
                results = list(pool.map(lambda k: (problem.gradient, problem.gradient_hessian)[k % 2](X), range(8)))  # noqa: B023
            for k, result in enumerate(results):
                for part, whole in zip(result if k % 2 else [result], expected, strict=bool(k % 2)):
                    np.testing.assert_array_equal(part, whole)
    finally:
        sys.setswitchinterval(interval)
