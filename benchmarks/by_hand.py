"""What a careful user would write by hand: whole programs around `lax.scan`, PyTorch, or NumPy.

The coupling is a function from the rates (E, I), each (batch, features, side, side), to the net
inputs; time moves in equal steps of Euler, Heun or the classical Runge-Kutta method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sheets
from harness import Unavailable, Work
from sheets import TAU, WEIGHTS, K, Sheet

ORDER = {"euler": 1, "heun": 2, "rk4": 4}  # and as many evaluations a step
Pair = tuple[Any, Any]


def signed() -> dict[str, float]:
    """Total weights, inhibition negative."""
    return {name: -w if name[1] == "I" else w for name, w in WEIGHTS.items()}


def scheme_step(scheme: str, velocity: Callable[[Pair], Pair], rates: Pair, dt: float) -> Pair:
    """One step of `dt` ms; written for arrays of any library."""

    def moved(by: float, slope: Pair) -> Pair:
        return rates[0] + by * slope[0], rates[1] + by * slope[1]

    a = velocity(rates)
    if scheme == "euler":
        return moved(dt, a)
    if scheme == "heun":
        b = velocity(moved(dt, a))
        return moved(dt / 2, (a[0] + b[0], a[1] + b[1]))
    b = velocity(moved(dt / 2, a))
    c = velocity(moved(dt / 2, b))
    d = velocity(moved(dt, c))
    return moved(dt / 6, tuple(a[i] + 2 * b[i] + 2 * c[i] + d[i] for i in (0, 1)))  # type: ignore


def segments(times: Sequence[float], dt: float) -> list[int]:
    """Steps from each saved time to the next, the first from 0."""
    gaps = np.diff(np.asarray((0.0, *times)))
    return [round(gap / dt) for gap in gaps]


# ------------------------------------------------------------------------------------------ JAX


class Spread(NamedTuple):
    """A Gaussian coupling in two halves, the weights apart; one width for all projections.

    Attributes:
        there: of the rates of one source: features mixed, space spread, maybe transformed.
        back: of the weighted sum of what came from both sources.
    """

    there: Callable[[Any], Any]
    back: Callable[[Any], Any]


def weighted(spread: Spread, w: dict[str, Any]) -> Callable[[Pair], Pair]:
    """The coupling with signed total weights `w`: two ways there, two back."""

    def couple(rates: Pair) -> Pair:
        e, i = spread.there(rates[0]), spread.there(rates[1])
        return spread.back(w["EE"] * e + w["EI"] * i), spread.back(w["IE"] * e + w["II"] * i)

    return couple


def jax_fft_spread(sheet: Sheet, mixed: Callable[[Any], Any] | None = None) -> Spread:
    """By FFT, features mixed before, by `mixed` or by the sheet's own matrix."""
    import jax.numpy as jnp

    kernel = jnp.asarray(transfer(sheet)[None, None], jnp.float32)
    if mixed is None:
        mix = jnp.asarray(sheets.feature_matrix(sheet.features), jnp.float32)
        mixed = lambda r: jnp.einsum("fg,bgyx->bfyx", mix, r)  # noqa: E731
    return Spread(
        lambda r: kernel * jnp.fft.rfft2(mixed(r)),
        lambda z: jnp.fft.irfft2(z, (sheet.side, sheet.side)),
    )


def transfer(sheet: Sheet) -> np.ndarray:
    """Transform of the Gaussian as `rfft2` orders it; real, for the Gaussian is even."""
    one = np.fft.fft(sheets.gaussian(sheet.side)).real
    return np.outer(one, one[: sheet.side // 2 + 1])


def dense_matrix(sheet: Sheet, factored: bool) -> np.ndarray:
    """The spread over all pairs of units, or of places; four projections differ by their weights.

    One matrix stands for the four, which would be read one after the other: the same operations,
    a quarter of the memory.
    """
    line = sheets.circulant(sheet.side).astype(np.float32)
    plane = np.kron(line, line)
    plane[plane < 1e-12 * plane.max()] = 0.0  # no denormals
    mix = sheets.feature_matrix(sheet.features).astype(np.float32)
    return plane if factored else np.kron(mix, plane)


class Columns(NamedTuple):
    """How dense products have their rates: a column for each copy, the matrix on the left.

    The other way round XLA's products take ten times as long on a CPU, and a transposition on
    the spot is undone by the compiler; so the state itself is kept so.
    """

    sheet: Sheet
    factored: bool

    def of(self, rates: Any) -> Any:
        """(batch, features, side, side) as (units, batch), or (places, batch x features)."""
        s = self.sheet
        if not self.factored:
            return rates.reshape(s.batch, -1).T
        return rates.reshape(s.batch * s.features, -1).T

    def back(self, columns: Any) -> Any:
        """The other way, with any axes in front."""
        s = self.sheet
        shape = (*columns.shape[:-2], s.batch, s.features, s.side, s.side)
        return columns.swapaxes(-1, -2).reshape(shape)


def jax_dense(columns: Columns, matrix: Any) -> Callable[[Pair], Pair]:
    """Coupling of columns by a `dense_matrix`, features apart where it is one of places."""
    import jax.numpy as jnp

    sheet, w = columns.sheet, signed()
    mix = jnp.asarray(sheets.feature_matrix(sheet.features), jnp.float32)

    def product(r: Any) -> Any:
        if columns.factored:
            apart = r.reshape(len(r), sheet.batch, sheet.features)
            r = jnp.einsum("fg,pbg->pbf", mix, apart).reshape(r.shape)
        return matrix @ r

    def couple(rates: Pair) -> Pair:
        # Sources so slightly apart that only the compiler takes them for four.
        onto = {
            name: w[name] * product((1 + 1e-7 * number) * rates[name[1] == "I"])
            for number, name in enumerate(w)
        }
        return onto["EE"] + onto["EI"], onto["IE"] + onto["II"]

    return couple


def jax_velocity(couple: Callable[[Pair], Pair], drive: Any) -> Callable[[Pair], Pair]:
    """The right-hand side of the equations."""
    import jax.numpy as jnp

    def velocity(rates: Pair) -> Pair:
        onto = couple(rates)
        goals = [K * jnp.maximum(drive + u, 0.0) ** 2 for u in onto]
        return (goals[0] - rates[0]) / TAU["E"], (goals[1] - rates[1]) / TAU["I"]

    return velocity


def jax_course(
    couple: Callable[[Pair], Pair], drive: Any, scheme: str, dt: float, lengths: Sequence[int]
) -> Any:
    """States after each of the runs of `lengths` steps, (times, 2, batch, ...), from silence."""
    import jax
    import jax.numpy as jnp

    velocity = jax_velocity(couple, drive)

    def step(rates: Pair, _: None) -> tuple[Pair, None]:
        return scheme_step(scheme, velocity, rates, dt), None

    rates = (jnp.zeros_like(drive), jnp.zeros_like(drive))
    kept = []
    for length in lengths:
        rates = jax.lax.scan(step, rates, None, length)[0]
        kept.append(jnp.stack(rates))
    return jnp.stack(kept)


def jax_work(
    sheet: Sheet, how: str, scheme: str, dt: float, lengths: Sequence[int], truth: str | None
) -> Work:
    """A contender: `how` is "fft", "dense" or "places" (dense over places, features apart)."""
    import jax
    import jax.numpy as jnp

    drive = jnp.asarray(sheets.drives(sheet), jnp.float32)
    # An argument, for a constant of this size would be folded.
    matrix = None if how == "fft" else jnp.asarray(dense_matrix(sheet, how == "places"))

    columns = Columns(sheet, how == "places")

    @jax.jit
    def run(matrix: Any, drive: Any) -> Any:
        if how == "fft":
            couple = weighted(jax_fft_spread(sheet), signed())
            return jax_course(couple, drive, scheme, dt, lengths)
        couple = jax_dense(columns, matrix)
        return columns.back(jax_course(couple, columns.of(drive), scheme, dt, lengths))

    return Work(lambda: jax.block_until_ready(run(matrix, drive)), against(truth))


def against(truth: str | None) -> Callable[[Any], dict[str, Any]]:
    """The error of what is found, or nothing where only a part of the work is done."""

    def facts(found: Any) -> dict[str, Any]:
        return {} if truth is None else {"error": sheets.error(np.asarray(found), np.load(truth))}

    return facts


# -------------------------------------------------------------------------------------- PyTorch


def torch_module() -> tuple[Any, Any]:
    """PyTorch, and its best device here."""
    try:
        import torch
    except ImportError:
        raise Unavailable("PyTorch is not installed") from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch, torch.device(device)


def torch_fft_spread(sheet: Sheet, torch: Any, device: Any) -> Spread:
    """As `jax_fft_spread`."""
    kernel = torch.tensor(transfer(sheet), dtype=torch.float32, device=device)
    mix = torch.tensor(sheets.feature_matrix(sheet.features), dtype=torch.float32, device=device)

    def there(r: Any) -> Any:
        mixed = mix @ r.reshape(r.shape[0], sheet.features, -1)
        return kernel * torch.fft.rfft2(mixed.reshape(r.shape))

    return Spread(there, lambda z: torch.fft.irfft2(z, s=(sheet.side, sheet.side)))


def torch_velocity(couple: Callable[[Pair], Pair], drive: Any, torch: Any) -> Any:
    """As `jax_velocity`."""

    def velocity(rates: Pair) -> Pair:
        goals = [K * torch.square(torch.relu(drive + u)) for u in couple(rates)]
        return (goals[0] - rates[0]) / TAU["E"], (goals[1] - rates[1]) / TAU["I"]

    return velocity


def torch_course(
    sheet: Sheet, drive: Any, scheme: str, dt: float, lengths: Sequence[int], modules: Any
) -> Any:
    """As `jax_course`."""
    torch, device = modules
    couple = weighted(torch_fft_spread(sheet, torch, device), signed())
    velocity = torch_velocity(couple, drive, torch)
    rates = (torch.zeros_like(drive), torch.zeros_like(drive))
    kept = []
    for length in lengths:
        for _ in range(length):
            rates = scheme_step(scheme, velocity, rates, dt)
        kept.append(torch.stack(rates))
    return torch.stack(kept)


def torch_work(
    sheet: Sheet, scheme: str, dt: float, lengths: Sequence[int], truth: str | None
) -> Work:
    """A contender: FFT in PyTorch."""
    torch, device = torch_module()
    drive = torch.tensor(sheets.drives(sheet), dtype=torch.float32, device=device)

    def run() -> Any:
        with torch.no_grad():
            found = torch_course(sheet, drive, scheme, dt, lengths, (torch, device))
        return found.cpu()

    return Work(run, lambda found: against(truth)(found.numpy()))
