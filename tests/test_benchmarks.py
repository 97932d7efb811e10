"""The benchmarks compare like with like: at tiny sizes all contenders give the same answers."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.reference import published, ssn

FOLDER = Path(__file__).parents[1] / "benchmarks"
# Single precision over a few tens of steps; the rivals add up in different orders.
ROUNDING = 2e-5


@pytest.fixture
def bench(monkeypatch):
    """Import a module of benchmarks/."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


def plain(sheets, sheet):
    """The sheet as a `ssn.Network` of float64, and its inputs, one a copy."""
    shape = (sheet.features, sheet.side, sheet.side)
    mix = ssn.circular_features(np.arange(sheet.features) * 180 / sheet.features, 32.0)
    weights = {
        name: ssn.sheet_weights(shape, w * np.sqrt(2 * np.pi) * 32, 4.0, mix, periodic=True)
        for name, w in published.RING.items()
    }
    net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
    return net, [ssn.Input(np.tile(drive.ravel(), 2)) for drive in sheets.drives(sheet)]


def relative(found, right):
    return np.abs(np.asarray(found) - right).max() / np.abs(right).max()


def test_all_contenders_of_the_sheet_take_the_same_steps(bench):
    sheets, by_hand, ours = bench("sheets"), bench("by_hand"), bench("ours")
    import jax.numpy as jnp

    sheet, steps = sheets.Sheet(8, 3, 2), 30
    net, given = plain(sheets, sheet)
    silence = np.zeros(2 * sheet.features * sheet.side**2)
    right = np.stack([ssn.euler(net, h, silence, 1.0, steps)[0] for h in given])
    right = right.reshape(2, 2, 3, 8, 8).swapaxes(0, 1)[None]  # (times, populations, copies, ...)
    drives = jnp.asarray(sheets.drives(sheet), jnp.float32)
    found = {"cortex": ours.euler(sheets.circuit(sheet), drives, steps)}
    for how in ("fft", "dense", "places"):
        found[how] = by_hand.jax_work(sheet, how, "euler", 1.0, [steps], None).run()
    assert {rates.shape for rates in found.values()} == {right.shape}
    assert max(relative(rates, right) for rates in found.values()) < ROUNDING
    assert right.max() > 10  # something happened


def test_pytorch_takes_the_same_steps(bench):
    pytest.importorskip("torch")
    sheets, by_hand = bench("sheets"), bench("by_hand")
    given = (sheets.Sheet(8, 3, 2), "rk4", 2.0, [5, 10], None)
    assert relative(
        by_hand.torch_work(*given[:1], *given[1:]).run(),
        np.asarray(by_hand.jax_work(given[0], "fft", *given[1:]).run()),
    ) < ROUNDING  # fmt: skip


def test_schemes_have_their_orders(bench):
    by_hand = bench("by_hand")

    def end(scheme, dt):
        rates = (1.0, 0.0)  # of a rotation with decay, for which the exact answer is known
        for _ in range(round(2 / dt)):
            step = lambda r: (-0.5 * r[0] - r[1], r[0] - 0.5 * r[1])  # noqa: E731
            rates = by_hand.scheme_step(scheme, step, rates, dt)
        return np.hypot(rates[0] - np.exp(-1) * np.cos(2), rates[1] - np.exp(-1) * np.sin(2))

    for scheme, order in by_hand.ORDER.items():
        assert np.log2(end(scheme, 0.02) / end(scheme, 0.01)) == pytest.approx(order, abs=0.1)
    assert by_hand.segments((10.0, 30.0, 35.0), 2.5) == [4, 8, 2]


@pytest.mark.slow
def test_both_ways_through_a_batch_reach_what_is_asked_for(bench, tmp_path):
    sheets, ours, by_hand = bench("sheets"), bench("ours"), bench("by_hand")
    # All features of the workload: with fewer its steps of 5 ms are not stable.
    sheet = sheets.Sheet(8, 8, 2)
    # Many small steps of the plain program are exact enough to judge an accuracy of 1e-3.
    right = np.asarray(by_hand.jax_work(sheet, "fft", "rk4", 1.0, [1500], None).run())
    np.save(tmp_path / "steady.npy", right)
    lengths = by_hand.segments(sheets.TIMES, 1.0)
    course = np.asarray(by_hand.jax_work(sheet, "fft", "rk4", 1.0, lengths, None).run())
    np.save(tmp_path / "course.npy", course)
    for what, name in zip(ours.WORKS, ("steady", "course"), strict=True):
        for way in ours.WAYS[what]:
            work = ours.work(sheet, what, way, str(tmp_path / f"{name}.npy"))
            facts = work.facts(work.run())
            assert facts["error"] < sheets.ACCURACY
            assert 10 < facts["evaluations"] < 400
            assert facts["bytes_beyond_inputs"] > 4 * sheet.units  # at least what is returned


@pytest.mark.slow
def test_rings_settle_alike(bench, monkeypatch, tmp_path):
    rings = bench("rings")
    monkeypatch.setattr(rings, "KNOWN", 3)
    truth, counts = rings.exact(tmp_path)
    best = min(counts, key=lambda dt: sum(counts[dt]))
    works = (
        *(rings.cortex_work(n, 7, 3, rings.SPREAD, truth, False) for n in rings.COUPLINGS),
        rings.cortex_work("RingCoupling", 7, 3, rings.SPREAD, truth, True),
        rings.numpy_work(best, counts[best], truth),
        rings.scan_work(best, max(counts[best]), 5, truth),
    )
    for work in works:
        assert 0 < work.facts(work.run())["error"] < rings.ACCURACY
    # One step fewer does not do: the loop is told neither too little nor too much.
    short = rings.numpy_work(best, [count // 2 for count in counts[best]], truth)
    assert short.facts(short.run())["error"] > rings.ACCURACY


@pytest.mark.slow
def test_sparse_sheets_settle_alike(bench, tmp_path):
    sparse = bench("sparse")
    truth, counts, connections = sparse.exact(9, 10, tmp_path)
    assert 0 < connections < (2 * 81) ** 2
    best = min(counts, key=lambda dt: counts[dt])
    works = [
        sparse.cortex_work(9, 10, 5, best, truth),
        sparse.scipy_work(9, 10, best, counts[best], truth),
    ]
    for work in works:
        assert 0 < work.facts(work.run())["error"] < sparse.ACCURACY
    dense = sparse.dense_work(9, 10, best, counts[best]).run()
    assert sparse.error(dense, np.load(truth)) < sparse.ACCURACY


@pytest.mark.slow
def test_gradients_agree(bench):
    sheets, gradient = bench("sheets"), bench("gradient")
    sheet = sheets.Sheet(8, 2, 1)
    for what, scheme, dt, steps in (
        (gradient.STEADY, "euler", 5.0, 300),
        (gradient.COURSE, "rk4", 2.5, 120),
    ):
        work = gradient.jax_work(sheet, scheme, dt, steps, True, [1.0] * 5)
        _, (weights, drive) = work.run()
        right = [float(weights[name]) for name in gradient.NAMES]
        right.append(float(np.sum(np.asarray(drive) * gradient.direction(sheet))))
        ours = gradient.cortex_work(sheet, what, right)
        facts = ours.facts(ours.run())
        # Both settings aim at 1e-3 for the rates; their gradients come within twice that.
        assert facts["error"] < 2e-3
        assert facts["growth"] < 1.05
        assert work.facts(work.run())["growth"] > 1.5


@pytest.mark.parametrize("layer", [(3, 12), (70, 8)])
def test_layers_take_the_same_step(bench, monkeypatch, layer):
    network = bench("network")
    monkeypatch.setattr(network, "LAYERS", [layer])
    (cortex,) = network.cortex_step((1,)).run()
    (fft,) = network.jax_fft_step((1,)).run()
    right = np.asarray(cortex.E[0])
    assert right.max() > 1
    # The taps are cut at 1e-5 of the peak.
    assert relative(fft[0], right) < 1e-4
    if importlib.util.find_spec("torch"):
        (taps,) = network.torch_step((1,)).run()
        assert relative(taps, right) < 1e-4


@pytest.mark.slow
def test_scaling_compares_the_same_work(bench, monkeypatch):
    sheets, scaling = bench("sheets"), bench("scaling")
    monkeypatch.setattr(scaling, "LOW_RANK", 4)
    for features in (3, 5):  # with a matrix, and with factors
        found = scaling.point(sheets.Sheet(8, features, 1))
        assert found["gap"] < ROUNDING
        assert set(found["seconds"]) == set(scaling.WHO)


def test_modes_carry_the_gaussian(bench):
    limits, sheets = bench("limits"), bench("sheets")
    transform = np.abs(np.fft.fft(sheets.gaussian(64)))
    highest = (limits.modes(64, sheets.WIDTH) - 1) // 2
    assert transform[highest] >= 1e-5 > transform[highest + 1]
    assert limits.modes(8, 1.0) == 8  # never more than there are places


def test_the_limit_adds_up(bench):
    """Products and what is done unit by unit one after the other, or copying if that is longer."""
    limits, harness = bench("limits"), bench("harness")
    demand = limits.Demand(operations=4e9, units=1e9, bytes=1e9)
    assert demand + demand == limits.Demand(8e9, 2e9, 2e9)
    for copy, expected in ((1e9, 2 * (2.0 + 0.5)), (1e8, 2 * 10.0)):
        rates = limits.Rates(product=2e9, pointwise=2e9, copy=copy, platform="cpu")
        limit = limits.limit(demand, 2, rates)
        assert limit["median"] == pytest.approx(expected)
    ours = {"work": "w", "who": "cortex", "median": 40.0}
    row = harness.limit_row([ours], "w", limit, None)
    assert row["times_the_limit"] == 2
    assert "10% products, 2% unit by unit" in row["note"]
    measured = limits.measured(1e6, side=64)
    assert min(measured.product, measured.pointwise, measured.copy) > 1e6


def test_operations_are_told_apart_by_their_names(bench):
    kind = bench("profiles").kind
    names = {
        "ynn_fusion.19": "products",
        "dot.93": "products",
        "convolution.2": "convolutions",
        "copy_bitcast_fusion.7": "copies",
        "exponential_reduce_fusion": "reductions",
        "compare_convert_fusion.1": "unit by unit",
        "subtract_abs_fusion": "unit by unit",
        "broadcast_multiply_fusion.7": "unit by unit",
    }
    assert {name: kind(name) for name in names} == names


def test_what_is_expected_of_a_gpu(bench):
    expected = bench("expected").expected
    gpu = {"bandwidth": 1e12, "rate": 1e13, "launch": 1e-6}
    assert expected(1e13, 1e11, 1000, **gpu) == (pytest.approx(1.001), "products")
    assert expected(1e11, 1e12, 1000, **gpu) == (pytest.approx(1.001), "memory")
    assert expected(1e9, 1e9, 10_000, **gpu) == (pytest.approx(0.011), "starting kernels")


@pytest.mark.slow
def test_a_profile_finds_products(bench):
    row = bench("profiles").measure("sheet, steady state", True)
    assert row["milliseconds"]["products"] > 0
    assert row["started"] > 50


def test_contenders_take_turns_and_are_judged(bench, tmp_path):
    """With processes of their own, as in a real run."""
    harness, rings = bench("harness"), bench("rings")
    np.save(tmp_path / "truth.npy", np.ones((1, 360)))
    given = (5.0, [200], str(tmp_path / "truth.npy"))
    rows = harness.compete(
        [
            harness.Contender("settle", "cortex, in name", rings.numpy_work, given),
            harness.Contender(
                "settle",
                "a tenth of it",
                rings.numpy_work,
                given,
                share=0.1,
                wanted=harness.Wanted(at_least=2),
            ),
        ],
        rounds=3,
    )
    assert [len(row["seconds"]) for row in rows] == [3, 3]
    assert rows[0]["ratio"] == 1
    assert rows[1]["wanted"]["met"] == (rows[1]["ratio"] >= 2)
    assert rows[1]["wanted"]["what"] == "≥ 2 ×"
    assert rows[0]["peak_megabytes"] > 10
    assert harness.table(rows).count("\n") == 3
    json.dumps(rows)


def test_what_is_not_there_says_so(bench):
    harness = bench("harness")
    contenders = [
        harness.Contender("w", "cortex", None),
        harness.Contender("w", "a rival", None, wanted=harness.Wanted(fact="bytes", at_most=10)),
    ]
    rows = [
        {"work": "w", "who": "cortex", "seconds": [], "absent": "not installed"},
        {"work": "w", "who": "a rival", "seconds": [2.0, 4.0], "bytes": 11},
    ]
    judged = harness.judged(rows, contenders)
    assert "ratio" not in judged[1]
    assert judged[1]["median"] == 3
    assert judged[1]["wanted"] == {"what": "bytes ≤ 10", "found": 11, "met": False}
    assert "| not installed |" in harness.table(judged)
    assert "**miss**" in harness.table(judged)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["sheet", "large_sheet", "rings", "sparse", "gradient", "sweep", "scaling"]
)
def test_every_command_runs(name, tmp_path):
    more = ["--figure", tmp_path / "scaling.png"] if name == "scaling" else []
    out = tmp_path / "rows.json"
    subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", "--quick", "--out", out, *more],
        check=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    found = json.loads(out.read_text())
    assert found["benchmark"] == name
    assert found["quick"]
    assert {"processor", "jax", "date"} <= set(found["machine"])
    timed = [row for row in found["rows"] if "median" in row]
    assert any(row["who"].startswith("cortex") for row in timed)
    assert all(row["median"] > 0 for row in timed)
    if name in ("sheet", "rings", "sparse", "large_sheet"):
        ours = [row for row in timed if row["who"].startswith("cortex") and "error" in row]
        assert ours
        assert all(row["error"] < 1e-3 for row in ours)
