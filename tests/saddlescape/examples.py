"""Energies of the gallery, a double well, and what to compare."""

BUTTERFLY = "x1**4 -1.5*x1**2*x2**2+ x2**4 - 2*x2**3 + x2**2 + x1**2*x2 - 2*x1**2"
MULLER_BROWN = (
    "-200*exp(-1*(x1-1)**2-10*(x2-0)**2)-100*exp(-1*(x1-0)**2-10*(x2-0.5)**2)-170*exp(-6.5*(x1+0.5)**2"
    "+11*(x1+0.5)*(x2-1.5)-6.5*(x2-1.5)**2)+15*exp(0.7*(x1+1)**2+0.6*(x1+1)*(x2-1)+0.7*(x2-1)**2)"
)
CUBIC = "1*(x1**2-1)**2+2*(x2**2-1)**2+3*(x3**2-1)**2"
WELL = {"EnergyFunction": "(x1**2-1)**2 + x2**2", "InitialPoint": [0.1, 0.1], "MaxIndex": 1}


def arrows(landscape):
    return {(parent, row[0]) for row in landscape.SaddleList for parent in row[4] if parent >= 0}
