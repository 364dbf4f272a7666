"""Stochastic optimisers: SGD, momentum and Adam as small pure steps.

An optimiser holds constants only. What it remembers from step to step is a `State` that the caller
passes in and gets back:

::

    state = optimiser.start(parameters)
    parameters, state = optimiser.step(parameters, gradients, state)

Conventions:
    w: one parameter array of any shape; g: its gradient, of the same shape and type.
    alpha: step size, > 0.
    t: number of the step, from 1.

The arrays keep their type, float32 or float64, and none of them is modified.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.checking import mismatch

Arrays = tuple[NDArray[np.floating], ...]


@dataclass(frozen=True, eq=False)
class State:
    """What an optimiser remembers between two steps.

    Attributes:
        iteration: Steps taken so far.
        first: Running first moment (or velocity) of each parameter's gradient; empty if unused.
        second: Running second moment of each parameter's gradient; empty if unused.
    """

    iteration: int = 0
    first: Arrays = ()
    second: Arrays = ()


class Optimiser(Protocol):
    """What every optimiser offers."""

    def start(self, parameters: Sequence[NDArray[np.floating]]) -> State:
        """State before the first step."""

    def step(
        self,
        parameters: Sequence[NDArray[np.floating]],
        gradients: Sequence[NDArray[np.floating]],
        state: State,
    ) -> tuple[Arrays, State]:
        """Parameters and state after one more step."""


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent.

    ::

        w <- w - alpha g

    Attributes:
        step_size: alpha.

    Raises:
        ValueError: If a constant is out of its range.
    """

    step_size: float

    def __post_init__(self) -> None:
        _check(self.step_size)

    def start(self, parameters: Sequence[NDArray[np.floating]]) -> State:  # noqa: ARG002
        """State before the first step: nothing to remember."""
        return State()

    def step(
        self,
        parameters: Sequence[NDArray[np.floating]],
        gradients: Sequence[NDArray[np.floating]],
        state: State,
    ) -> tuple[Arrays, State]:
        """Parameters and state after one more step."""
        alpha = float(self.step_size)
        stepped = tuple(w - alpha * g for w, g in zip(parameters, gradients, strict=True))
        return stepped, State(state.iteration + 1)


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with a heavy ball (Polyak 1964), in the form that Keras uses.

    ::

        v <- mu v - alpha g,   w <- w + v,   v = 0 before the first step

    Attributes:
        step_size: alpha.
        momentum: mu, in [0, 1).

    Raises:
        ValueError: If a constant is out of its range.
    """

    step_size: float
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _check(self.step_size, momentum=self.momentum)

    def start(self, parameters: Sequence[NDArray[np.floating]]) -> State:
        """State before the first step: no velocity."""
        return State(first=tuple(np.zeros_like(w) for w in parameters))

    def step(
        self,
        parameters: Sequence[NDArray[np.floating]],
        gradients: Sequence[NDArray[np.floating]],
        state: State,
    ) -> tuple[Arrays, State]:
        """Parameters and state after one more step."""
        alpha, mu = float(self.step_size), float(self.momentum)
        velocity = tuple(mu * v - alpha * g for v, g in zip(state.first, gradients, strict=True))
        stepped = tuple(w + v for w, v in zip(parameters, velocity, strict=True))
        return stepped, State(state.iteration + 1, velocity)


@dataclass(frozen=True)
class Adam:
    """Adam, algorithm 1 of Kingma and Ba 2015 (arXiv 1412.6980).

    ::

        m <- beta1 m + (1 - beta1) g,     v <- beta2 v + (1 - beta2) g^2,   m = v = 0 before step 1
        w <- w - alpha m_hat / (sqrt(v_hat) + epsilon)
        m_hat = m / (1 - beta1^t),        v_hat = v / (1 - beta2^t)

    Keras and scikit-learn add epsilon to sqrt(v) instead, before the correction by 1 - beta2^t.

    Attributes:
        step_size: alpha.
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        epsilon: Bounds the step where the gradient vanishes.

    Raises:
        ValueError: If a constant is out of its range.
    """

    step_size: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _check(self.step_size, beta1=self.beta1, beta2=self.beta2)

    def start(self, parameters: Sequence[NDArray[np.floating]]) -> State:
        """State before the first step: both moments are zero."""
        zeros = tuple(np.zeros_like(w) for w in parameters)
        return State(first=zeros, second=zeros)

    def step(
        self,
        parameters: Sequence[NDArray[np.floating]],
        gradients: Sequence[NDArray[np.floating]],
        state: State,
    ) -> tuple[Arrays, State]:
        """Parameters and state after one more step."""
        alpha, epsilon = float(self.step_size), float(self.epsilon)
        beta1, beta2 = float(self.beta1), float(self.beta2)
        t = state.iteration + 1
        first = tuple(
            beta1 * m + (1 - beta1) * g for m, g in zip(state.first, gradients, strict=True)
        )
        second = tuple(
            beta2 * v + (1 - beta2) * g**2 for v, g in zip(state.second, gradients, strict=True)
        )
        alpha /= 1 - beta1**t
        correction = math.sqrt(1 - beta2**t)
        stepped = tuple(
            w - alpha * m / (np.sqrt(v) / correction + epsilon)
            for w, m, v in zip(parameters, first, second, strict=True)
        )
        return stepped, State(t, first, second)


def _check(step_size: float, **decays: float) -> None:
    """Refuse a step size that is not positive and a decay outside [0, 1)."""
    if not step_size > 0:
        raise mismatch("step_size", step_size, "a positive number")
    for name, decay in decays.items():
        if not 0 <= decay < 1:
            raise mismatch(name, decay, "a number in [0, 1)")
