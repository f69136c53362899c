"""The multilayer perceptron with tanh, its gradient and its Hessian as matrix products.

Automatic differentiation takes one backward pass for each column of the Hessian. Written out, the Hessian of a
scalar output is a sum over layers of Z'^T diag(c) Z', with the tangents Z' of a layer's input and the weights c that
one backward pass gives: d + 2 forward passes' worth of products in all, for a whole batch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.records import Array, FloatArray
from landscape_dist.surrogates.model import Model


class Perceptron(Model):
    """w^T tanh(W_L tanh(... tanh(W_1 a + b_1) ...) + b_L) + b  (NN-HiSD, section 2).

    Args:
        layers: (W, b) of each hidden layer, W (width, width before), b (width,); and of the output, with width 1.
    """

    kind: ClassVar[str] = "perceptron"

    def __init__(self, layers: list[tuple[Array, Array]], xp: Any = np) -> None:
        self.layers = layers
        self._xp = xp

    @property
    def n_features(self) -> int:
        return int(self.layers[0][0].shape[1])

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return tuple(int(W.shape[0]) for W, _ in self.layers[:-1])

    @property
    def n_weights(self) -> int:
        """Number of trained numbers."""
        return sum(int(W.shape[0] * W.shape[1] + b.shape[0]) for W, b in self.layers)

    def _activations(self, A: Array) -> list[Array]:
        """(n, f) -> tanh of each hidden layer, (n, width)."""
        result = []
        for W, b in self.layers[:-1]:
            A = self._xp.tanh(A @ W.T + b)
            result.append(A)
        return result

    def _adjoints(self, T: list[Array]) -> tuple[list[Array], list[Array], Any]:
        """Derivatives of the output by each layer's output and input, and by the features, (n, width) each."""
        outputs: list[Any] = [None] * len(T)
        inputs: list[Any] = [None] * len(T)
        adjoint = self._xp.zeros_like(T[-1]) + self.layers[-1][0][0]
        for layer in range(len(T) - 1, -1, -1):
            outputs[layer] = adjoint
            inputs[layer] = adjoint * (1.0 - T[layer] * T[layer])
            adjoint = inputs[layer] @ self.layers[layer][0]
        return outputs, inputs, adjoint

    def value(self, A: Array) -> Array:
        W, b = self.layers[-1]
        return self._activations(A)[-1] @ W[0] + b[0]

    def gradient(self, A: Array) -> Array:
        return self._adjoints(self._activations(A))[2]

    def gradient_curvature(self, A: Array, J: Array) -> tuple[Array, Array]:
        T = self._activations(A)
        _, inputs, gradient = self._adjoints(T)
        tangent = J
        curvature = None
        for layer, (W, _) in enumerate(self.layers[:-1]):
            Z = _rows_times(tangent, W.T)
            weight = -2.0 * T[layer] * inputs[layer]  # adjoint of the output times tanh''
            part = (Z * weight[:, None, :]) @ Z.mT
            curvature = part if curvature is None else curvature + part
            if layer < len(T) - 1:
                tangent = Z * (1.0 - T[layer] * T[layer])[:, None, :]
        return gradient, curvature

    def curvature_products(self, A: Array, T: Array) -> tuple[Array, Array]:
        activations = self._activations(A)
        _, inputs, gradient = self._adjoints(activations)
        tangents = []  # of each layer's input
        for layer, (W, _) in enumerate(self.layers[:-1]):
            tangents.append(_rows_times(T, W.T))
            T = tangents[-1] * (1.0 - activations[layer] * activations[layer])[:, None, :]
        adjoint: Any = None  # tangent of the adjoint of a layer's output
        for layer in range(len(activations) - 1, -1, -1):
            a = activations[layer]
            of_input = tangents[layer] * (-2.0 * a * inputs[layer])[:, None, :]
            if adjoint is not None:
                of_input = of_input + adjoint * (1.0 - a * a)[:, None, :]
            adjoint = _rows_times(of_input, self.layers[layer][0])
        return gradient, adjoint

    def weight_derivatives(self, A: FloatArray, out: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n, f) -> values (n,), and their derivatives by `vector`, (n, p), written to `out`."""
        T = [A, *self._activations(A)]
        inputs = [*self._adjoints(T[1:])[1], np.ones((len(A), 1))]
        begin = 0
        for activation, adjoint in zip(T, inputs, strict=True):
            width, before = adjoint.shape[1], activation.shape[1]
            middle = begin + width * before
            block = out[:, begin:middle].reshape(len(A), width, before)
            np.multiply(adjoint[:, :, None], activation[:, None, :], out=block)
            out[:, middle : middle + width] = adjoint
            begin = middle + width
        W, b = self.layers[-1]
        return T[-1] @ W[0] + b[0], out

    def slope_weight_derivatives(self, A: FloatArray, J: FloatArray, out: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n, f) and directions (n, f) -> slopes of the value along them, (n,), and their derivatives by `vector`, (n,
        p), written to `out`."""
        T, tangents, of_inputs = [A], [J], []
        for W, b in self.layers[:-1]:
            T.append(np.tanh(T[-1] @ W.T + b))
            of_inputs.append(tangents[-1] @ W.T)
            tangents.append(of_inputs[-1] * (1.0 - T[-1] * T[-1]))
        begin = out.shape[1]
        by_tangent, by_input = np.ones((len(A), 1)), np.zeros((len(A), 1))  # of a layer's input
        for layer in range(len(self.layers) - 1, -1, -1):
            W, a = self.layers[layer][0], T[layer]
            begin -= W.size + W.shape[0]
            middle = begin + W.size
            block = out[:, begin:middle].reshape(len(A), *W.shape)
            np.multiply(by_tangent[:, :, None], tangents[layer][:, None, :], out=block)
            block += by_input[:, :, None] * a[:, None, :]
            out[:, middle : middle + W.shape[0]] = by_input
            if layer:
                slope, through = 1.0 - a * a, by_tangent @ W
                by_input = slope * (by_input @ W - 2.0 * a * of_inputs[layer - 1] * through)
                by_tangent = slope * through
        return tangents[-1] @ self.layers[-1][0][0], out

    def to(self, xp: Any) -> Self:
        if xp is np:
            return type(self)([(np.asarray(W), np.asarray(b)) for W, b in self.layers])
        return type(self)([(xp.asarray(W), xp.asarray(b)) for W, b in self.layers], xp)

    def vector(self) -> FloatArray:
        """All weights and biases as one vector; `layers_of` takes it apart again."""
        return np.concatenate([np.ravel(array) for layer in self.layers for array in layer])

    def module(self) -> Any:
        """The same network as a `torch.nn.Sequential` in float64, of features to (n, 1)."""
        import torch

        parts: list[Any] = []
        for number, (W, b) in enumerate(self.layers):
            linear = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.as_tensor(W))
                linear.bias.copy_(torch.as_tensor(b))
            parts.extend((linear, torch.nn.Tanh()) if number < len(self.layers) - 1 else (linear,))
        return torch.nn.Sequential(*parts)

    def arrays(self) -> dict[str, FloatArray]:
        named = {}
        for number, (W, b) in enumerate(self.layers):
            named[f"{number}.weight"], named[f"{number}.bias"] = np.asarray(W), np.asarray(b)
        return named

    @classmethod
    def from_arrays(cls, arrays: dict[str, FloatArray]) -> Self:
        n_layers = len(arrays) // 2
        names = {f"{number}.{part}" for number in range(n_layers) for part in ("weight", "bias")}
        if n_layers < 2 or set(arrays) != names:
            raise ProblemError(
                f"a perceptron has arrays 0.weight, 0.bias, 1.weight ... of two layers or more, not {sorted(arrays)}"
            )
        layers = [(arrays[f"{i}.weight"], arrays[f"{i}.bias"]) for i in range(n_layers)]
        width = layers[0][0].shape[-1]
        for number, (W, b) in enumerate(layers):
            rows = 1 if number == n_layers - 1 else len(b)
            if W.shape != (rows, width) or b.shape != (rows,) or not rows:
                raise ProblemError(
                    f"layer {number} has weights of shape {W.shape} and biases of shape {b.shape}; after a layer of "
                    f"{width}, weights are (width, {width}) and biases (width,), and the last width is 1"
                )
            width = rows
        return cls(layers)

    @classmethod
    def random(cls, n_features: int, hidden: tuple[int, ...], seed: int) -> Self:
        """Weights drawn uniformly with variance 2 / (widths before and after), biases 0 (Glorot and Bengio, 2010)."""
        rng = np.random.default_rng(seed)
        widths = (n_features, *hidden, 1)
        layers = []
        for before, after in pairwise(widths):
            bound = np.sqrt(6.0 / (before + after))
            layers.append((rng.uniform(-bound, bound, (after, before)), np.zeros(after)))
        return cls(layers)


def n_weights_of(widths: tuple[int, ...]) -> int:
    """Length of the flat vector of `layers_of`."""
    return sum((before + 1) * after for before, after in pairwise(widths))


def layers_of(theta: Array, widths: tuple[int, ...]) -> list[tuple[Array, Array]]:
    """(W, b) of each layer as views of one flat vector; widths from the features to the output, 1."""
    layers, begin = [], 0
    for before, after in pairwise(widths):
        middle = begin + before * after
        layers.append((theta[begin:middle].reshape(after, before), theta[middle : middle + after]))
        begin = middle + after
    return layers


def _rows_times(Z: Array, M: Array) -> Array:
    """(n, k, h) @ (h, w) as one product; NumPy would make n small ones of it, five times slower."""
    n, k, h = Z.shape
    return (Z.reshape(n * k, h) @ M).reshape(n, k, M.shape[1])
