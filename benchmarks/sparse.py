"""The sheet of 75 x 75 with random connections (Rubin et al. 2015, Fig. 6), 60 stimuli at once.

    python benchmarks/sparse.py [--quick] [--out FILE.json]

Gratings that cover the sheet: 12 orientations at 5 contrasts, to the steady state within 1e-3 of
each stimulus's largest rate, against a float64 program with SciPy's sparse rows. Rivals are told
how many steps they need.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import by_hand
import harness
import limits
import numpy as np
from harness import Contender, Row, Work
from sheets import ACCURACY

WORK = "steady state"
STEPS = (1.0, 2.0, 4.0)
SAMPLE = 10
SEED = 0
CONTRASTS = (5.0, 10.0, 20.0, 35.0, 50.0)


def circuit(side: int) -> Any:
    """One draw of the sheet, its size aside as published."""
    from cortex.models.sheet import Sheet

    return Sheet(size=side).circuit(SEED)


def drive(side: int, stimuli: int) -> np.ndarray:
    """Drive of E and of I alike, (side, side, stimuli)."""
    from cortex.models.sheet import Sheet

    preferred = np.asarray(Sheet(size=side).orientation_map(SEED), np.float64)
    orientations = np.arange(stimuli // len(CONTRASTS)) * 180.0 * len(CONTRASTS) / stimuli
    turn = np.abs(preferred[:, :, None] - orientations[None, None, :])
    turn = np.minimum(turn, 180.0 - turn)
    tuning = np.exp(-(turn**2) / (2 * 32.0**2))
    return np.concatenate([c * tuning for c in CONTRASTS], axis=2)


class Plain:
    """The same sheet as one signed matrix in SciPy's sparse rows, and plain arrays."""

    def __init__(self, side: int, stimuli: int, dtype: Any) -> None:
        import scipy.sparse as sp

        network, units = circuit(side), side * side
        blocks = {}
        for name in ("EE", "EI", "IE", "II"):
            lists = getattr(network.coupling.neighbours, name)
            index, weight = np.asarray(lists.index), np.asarray(lists.weight, np.float64)
            row = np.repeat(np.arange(units), index.shape[1])
            keep = weight.ravel() != 0
            data = (weight.ravel()[keep], (row[keep], index.ravel()[keep]))
            blocks[name] = sp.csr_array(data, shape=(units, units))
        matrix = sp.block_array(
            [[blocks["EE"], -blocks["EI"]], [blocks["IE"], -blocks["II"]]], format="csr"
        )
        self.matrix = matrix.astype(dtype)

        def column(pair: Any) -> np.ndarray:
            return np.concatenate([np.ravel(np.asarray(p, dtype)) for p in (pair.E, pair.I)])

        populations = network.populations
        self.tau, self.k, self.n = (
            column(pair)[:, None] for pair in (populations.tau, populations.k, populations.n)
        )
        self.drive = np.tile(drive(side, stimuli).reshape(units, stimuli), (2, 1)).astype(dtype)

    def goal(self, u: Any) -> Any:
        """Rates that inputs `u` drive the units towards."""
        return self.k * np.maximum(u, 0) ** self.n

    def settle(self, dt: float, steps: int) -> Any:
        """Rates (2 units, stimuli) after so many Euler steps."""
        rates = np.zeros_like(self.drive)
        fraction = (dt / self.tau).astype(rates.dtype)
        for _ in range(steps):
            rates += fraction * (self.goal(self.drive + self.matrix @ rates) - rates)
        return rates


def error(found: Any, right: np.ndarray) -> float:
    """The worst stimulus's; arrays (2 units, stimuli)."""
    gap = np.abs(np.asarray(found, np.float64) - right).max(0) / np.abs(right).max(0)
    return float(gap.max()) if np.isfinite(gap).all() else np.inf


def exact(side: int, stimuli: int, folder: Path) -> tuple[str, dict[float, int], int]:
    """The steady states, by Euler step the steps to them, and the number of connections."""
    plain = Plain(side, stimuli, np.float64)
    rates = np.zeros_like(plain.drive)
    trail: dict[float, int] = {}
    for _ in range(5000):
        change = plain.goal(plain.drive + plain.matrix @ rates) - rates
        if np.abs(change).max() < 1e-6 * np.abs(rates).max():
            break
        rates += 2.0 / plain.tau * change
    right = rates
    for dt in STEPS:
        rates = np.zeros_like(right)
        for step in range(1, int(2000 / dt)):
            change = plain.goal(plain.drive + plain.matrix @ rates) - rates
            rates += dt / plain.tau * change
            gap = error(rates, right)
            if gap < 0.9 * ACCURACY:
                trail[dt] = step
            if gap < 0.9 * ACCURACY or not np.isfinite(gap):
                break
    np.save(folder / "sparse.npy", right)
    return str(folder / "sparse.npy"), trail, plain.matrix.nnz


def cortex_work(side: int, stimuli: int, at_once: int, dt: float, truth: str) -> Work:
    """All stimuli, `at_once` of them side by side."""
    import jax
    import jax.numpy as jnp

    from cortex.circuit import EI, steady_state
    from cortex.models.sheet import FixedPointOfEach, side_by_side

    sheet = side_by_side(circuit(side), at_once)
    drives = jnp.asarray(drive(side, stimuli), jnp.float32)
    drives = jnp.moveaxis(drives.reshape(side, side, -1, at_once), 2, 0)
    solver = FixedPointOfEach(dt=dt, duration=4000.0, rtol=3e-4, atol=1e-4, max_rate=float("inf"))

    @jax.jit
    def run(sheet: Any, drives: Any) -> Any:
        def some(given: Any) -> Any:
            rates = steady_state(sheet, EI(given, given), solver=solver).rates
            return jnp.stack([rates.E, rates.I])

        return jax.lax.map(some, drives)

    def facts(found: Any) -> dict[str, Any]:
        states = np.moveaxis(np.asarray(found), 0, -2).reshape(2 * side * side, stimuli)
        return {"error": error(states, np.load(truth))}

    return Work(lambda: jax.block_until_ready(run(sheet, drives)), facts)


def scipy_work(side: int, stimuli: int, dt: float, steps: int, truth: str) -> Work:
    """SciPy's product of sparse rows with all stimuli."""
    plain = Plain(side, stimuli, np.float32)
    return Work(
        lambda: plain.settle(dt, steps), lambda found: {"error": error(found, np.load(truth))}
    )


def torch_work(side: int, stimuli: int, dt: float, steps: int, truth: str) -> Work:
    """PyTorch's."""
    torch, device = by_hand.torch_module()
    plain = Plain(side, stimuli, np.float32)
    rows = plain.matrix
    warnings.simplefilter("ignore")  # "in beta state", and checks that cost time
    parts = (torch.tensor(part) for part in (rows.indptr, rows.indices, rows.data))
    matrix = torch.sparse_csr_tensor(*parts, size=rows.shape).to(device)
    given, k, n, tau = (
        torch.tensor(a, device=device) for a in (plain.drive, plain.k, plain.n, plain.tau)
    )

    def run() -> Any:
        rates = torch.zeros_like(given)
        for _ in range(steps):
            goal = k * torch.relu(given + matrix @ rates) ** n
            rates = rates + dt / tau * (goal - rates)
        return rates.cpu()

    return Work(run, lambda found: {"error": error(found.numpy(), np.load(truth))})


def dense_work(side: int, stimuli: int, dt: float, steps: int) -> Work:
    """One dense matrix in JAX."""
    import jax
    import jax.numpy as jnp

    plain = Plain(side, stimuli, np.float32)
    matrix = jnp.asarray(plain.matrix.toarray())
    given, k, n, tau = (jnp.asarray(a) for a in (plain.drive, plain.k, plain.n, plain.tau))

    @jax.jit
    def run(matrix: Any) -> Any:
        def step(rates: Any, _: None) -> Any:
            u = jnp.maximum(given + jnp.einsum("ij,jb->ib", matrix, rates), 1e-30)
            return rates + dt / tau * (k * jnp.exp(n * jnp.log(u)) - rates), None

        return jax.lax.scan(step, jnp.zeros_like(given), None, steps)[0]

    return Work(lambda: jax.block_until_ready(run(matrix)))


def rows(quick: bool) -> list[Row]:
    """The table."""
    side, stimuli = (15, 10) if quick else (75, 60)
    with tempfile.TemporaryDirectory() as folder:
        truth, counts, connections = harness.alone(exact, side, stimuli, Path(folder))
        best = min(counts, key=lambda dt: counts[dt])
        count, size = counts[best], (side, stimuli)
        note, some = f"{count} steps", f"{count} steps, of which {SAMPLE} timed"
        share, given = SAMPLE / count, (*size, best, count, truth)
        everybody = [
            Contender(WORK, "cortex", cortex_work, (*size, stimuli, best, truth)),
            Contender(WORK, f"SciPy CSR, Euler {best:g} ms", scipy_work, given, note=note),
            Contender(WORK, f"PyTorch CSR, Euler {best:g} ms", torch_work, given, note=note),
            Contender(WORK, "JAX dense", dense_work, (*size, best, SAMPLE), share, some),
        ]
        found = harness.compete(everybody, rounds=2 if quick else 5, patience=20.0)
    rates = harness.alone(limits.measured, 8.0 * connections)
    demand = limits.sparse_step(connections, 2 * side**2, stimuli)
    found.append(harness.limit_row(found, WORK, limits.limit(demand, count, rates), None))
    return found


if __name__ == "__main__":
    harness.main("sparse", __doc__, rows)
