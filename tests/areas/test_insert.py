"""Circuits put into a trained network: calibration, and what is left alone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import CircuitArea, IsotonicMap, PlainArea, PowerMap, insert, insert_circuits
from cortex.circuit import learned_features
from tests.areas import systems
from tests.refusals import refusal

LAYERS = [(), (0,), (0, 1)]


@pytest.fixture(scope="module")
def shown():
    return systems.images(30)


@pytest.fixture(scope="module")
def inserted(shown):
    """Systems without circuits, with one and with two, at two contrasts."""
    contrast = {0: 30.0, 1: 20.0}
    return {
        layers: insert_circuits(
            systems.network(),
            at=[layer + 1 for layer in layers],
            circuit=[systems.ssn_settings(contrast[layer]) for layer in layers],
            images=shown,
            held_out=systems.images(8, seed=9),
            solver=systems.SOLVER,
        )
        for layers in LAYERS
    }


def plain_outputs(shown):
    """Of both layers of the network without circuits."""
    outputs = []
    for stage in systems.network().stages:
        shown = jnp.maximum(eqx.filter_jit(eqx.filter_vmap(stage))(shown), 0)
        outputs.append(shown)
    return outputs


@pytest.mark.parametrize("layers", LAYERS)
def test_other_layers_are_left_alone(inserted, layers):
    network, system = systems.network(), inserted[layers]
    for layer, area in enumerate(system.areas):
        assert isinstance(area, CircuitArea if layer in layers else PlainArea)
        assert systems.identical(area.stage, network.stages[layer])
    assert systems.identical(system.readout, network.readout)


def test_drive_scale(inserted, shown):
    """The 99th percentile of each layer's drive, circuits below included, is the contrast."""
    system = inserted[0, 1]
    below = shown
    for area, contrast in zip(system.areas, (30.0, 20.0), strict=True):
        drives = eqx.filter_jit(eqx.filter_vmap(area.drive))(below)
        # The same numbers again, in float32.
        assert float(np.percentile(drives, 99)) == pytest.approx(contrast, rel=1e-4)
        below = eqx.filter_jit(eqx.filter_vmap(lambda x, a=area: a(x).output))(below)


def test_coupling_is_by_likeness_of_the_plain_maps(inserted, shown):
    outputs = plain_outputs(shown)
    for layer in range(2):
        coupling = inserted[0, 1].areas[layer].circuit.coupling
        assert coupling.shape == systems.SHAPES[layer]
        expected = learned_features(jnp.mean(outputs[layer], axis=(2, 3)), 28.0)
        np.testing.assert_allclose(coupling.features.matrix(), expected, rtol=1e-4, atol=1e-6)
        assert float(coupling.J.IE) == pytest.approx(11.0)
        assert float(coupling.sigma.EI) == pytest.approx(systems.SIGMA["EI"])


def test_output_maps_aim_at_the_plain_outputs(inserted, shown):
    """What leaves a circuit resembles, map by map, what leaves the plain layer."""
    outputs = plain_outputs(shown)
    for layers in ((0,), (0, 1)):
        responses = eqx.filter_jit(eqx.filter_vmap(inserted[layers].respond))(shown)
        for layer in layers:
            assert np.all(responses[layer].converged)
            sent, wanted = np.asarray(responses[layer].output), np.asarray(outputs[layer])
            error, size = ((sent - wanted) ** 2).mean((0, 2, 3)), (wanted**2).mean((0, 2, 3))
            # Better than nothing for every map that responds at all, by far on the whole; the
            # circuit mixes places and maps, so that no pointwise map can undo it.
            assert (error < 0.8 * size)[size > 1e-4].all()
            assert error.sum() < 0.5 * size.sum()
            # The aim is the plain layer's output, not what the layer gives on circuits below.
            fitted = IsotonicMap.fit(by_map(responses[layer].rates.E), by_map(wanted))
            found = inserted[layers].areas[layer].output_map
            np.testing.assert_allclose(found.outputs, fitted.outputs, atol=1e-3)


def by_map(maps):
    """(maps, samples)."""
    return np.moveaxis(np.asarray(maps), 1, 0).reshape(maps.shape[1], -1)


def test_the_output_map_is_fitted_to_the_circuit_as_given(shown):
    given = systems.ssn_settings(J=systems.J | {"EE": systems.J["EE"] / 4})
    system = insert_circuits(
        systems.network(),
        at=("conv1", "conv2"),
        circuit=given,
        images=shown,
        held_out=shown[:4],
        output_map=PowerMap,
        solver=systems.SOLVER,
    )
    for area, shape in zip(system.areas, systems.SHAPES, strict=True):
        assert area.circuit.shape == shape
        assert float(area.circuit.coupling.J.EE) == pytest.approx(1.5)
        assert isinstance(area.output_map, PowerMap)
    first = system.areas[0]
    rates = eqx.filter_jit(eqx.filter_vmap(first.settle))(shown).rates.E
    fitted = PowerMap.fit(by_map(rates), by_map(plain_outputs(shown)[0]))
    np.testing.assert_allclose(first.output_map.log_scale, fitted.log_scale, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"network": 3}, "network: found int, allowed: a ConvNetwork"),
        ({"at": "conv3"}, "at: found 'conv3', allowed: conv1, conv2, or 1 to 2"),
        ({"at": ("conv1", 1)}, "at, circuit: found layers conv1, conv1 and 2 circuits, allowed"),
        ({"circuit": [systems.ssn_settings()] * 2}, "at, circuit: found layers conv2 and 2 circui"),
        ({"circuit": 3}, "circuit: found int, allowed: "),
        ({"images": systems.images(3)[0]}, "images: found shape (1, 9, 7), allowed: (images, ch"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(given, line):
    usual = {
        "network": systems.network(),
        "at": "conv2",
        "circuit": systems.ssn_settings(),
        "images": systems.images(3),
    }
    assert refusal(insert_circuits, **usual | given).startswith(line)


@pytest.mark.slow
def test_batches_do_not_matter(inserted, shown):
    again = insert_circuits(
        systems.network(),
        at="conv1",
        circuit=systems.ssn_settings(30.0),
        images=shown,
        held_out=shown[:4],
        solver=systems.SOLVER,
        batch=7,
    )
    assert isinstance(again.areas[0].output_map, IsotonicMap)
    before = inserted[0,].areas[0].output_map
    # float32 in batches of another size.
    np.testing.assert_allclose(again.areas[0].output_map.outputs, before.outputs, atol=1e-4)


@pytest.mark.slow
def test_a_sample_of_places_does_for_large_layers(monkeypatch):
    """A third of the places of every image gives nearly the same scale and output map."""
    shown = systems.images(60)

    def built():
        return insert_circuits(
            systems.network(),
            at="conv2",
            circuit=systems.ssn_settings(),
            images=shown,
            held_out=shown[:4],
            solver=systems.SOLVER,
            batch=25,
        ).areas[1]

    whole = built()
    monkeypatch.setattr(insert, "SAMPLES", 60 * 4)  # of 12 places an image
    monkeypatch.setattr(insert, "SAMPLES_OF_LAYER", 0)
    some = built()
    # A percentile of 960 numbers instead of 2,880, and curves through as many fewer samples.
    assert float(some.drive_scale) == pytest.approx(float(whole.drive_scale), rel=0.15)
    assert float(some.drive_scale) != float(whole.drive_scale)
    received = jnp.maximum(eqx.filter_vmap(systems.network().stages[0])(shown), 0.0)
    rates = eqx.filter_jit(eqx.filter_vmap(whole.settle))(received).rates.E
    outputs = eqx.filter_vmap(whole.output_map)(rates)
    gap = jnp.abs(eqx.filter_vmap(some.output_map)(rates) - outputs)
    assert 0 < float(jnp.mean(gap)) < 0.15 * float(jnp.mean(outputs))
    # Couplings know all places.
    np.testing.assert_allclose(
        some.circuit.coupling.features.matrix(), whole.circuit.coupling.features.matrix()
    )


def test_memory_holds_what_enters_the_layer_at_work_only(monkeypatch):
    """Of its outputs, drives and rates a batch, and the samples."""
    monkeypatch.setattr(insert, "SAMPLES", 900)  # a place of each image
    monkeypatch.setattr(insert, "SAMPLES_OF_LAYER", 0)
    shown = np.asarray(systems.images(900))
    network = systems.network()

    def held():
        return sum(array.nbytes for array in jax.live_arrays())

    before, peak = held(), 0

    def look(count):
        nonlocal peak
        peak = max(peak, held() - before)

    insert_circuits(
        network,
        at=2,
        circuit=systems.ssn_settings(),
        images=shown,
        held_out=shown[:4],
        solver=systems.SOLVER,
        advance=look,
    )
    entering = 900 * 3 * 4 * 3 * 4  # images x what the first layer sends x bytes
    batch = 100 * 4 * 4 * 3 * 4  # the rates of a batch
    # Besides: the circuit's kernels, compiled constants.
    assert entering <= peak < entering + batch + 40_000
