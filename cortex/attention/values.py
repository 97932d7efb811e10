"""Values that feature attention is applied by: what each map has to do with each category."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

Values = Float[Array, "categories maps"]


def tuning_values(
    responses: Float[Array, "images maps"], labels: Int[Array, " images"], categories: int
) -> Values:
    """How far a map's mean response to a category lies from its mean to all [SD over images].

    Args:
        responses: spatial mean of every map for every image.
        labels: category of every image, 0 to categories - 1.

    Returns:
        f; 0 for a map that responds to all images alike.

    Source: Lindsay & Miller 2018, tuning values.
    """
    member = jax.nn.one_hot(labels, categories, dtype=responses.dtype)
    count = jnp.maximum(member.sum(axis=0), 1.0)
    means = jnp.einsum("nc,nf->cf", member, responses, precision="highest") / count[:, None]
    variance = jnp.var(responses, axis=0)
    silent = variance <= (1e-6 * jnp.max(jnp.abs(responses))) ** 2
    spread = jnp.sqrt(jnp.where(silent, 1.0, variance))  # a slope even where it is 0
    distance = means - jnp.mean(responses, axis=0)[None, :]
    return jnp.where(silent[None, :], 0.0, distance / spread[None, :])


class AbstractImageSet(eqx.Module):
    """Which images the gradients of one category's error are averaged over."""

    @abc.abstractmethod
    def weights(
        self, member: Float[Array, "pairs categories"], present: Float[Array, " pairs"]
    ) -> Float[Array, "pairs categories"]:
        """Weight of each pair of an image and a category, summing to one over a category's.

        Args:
            member: 1 where the pair is one of the category, else 0.
            present: 1 where the image shows the pair's category, else 0.
        """


class BalancedSet(AbstractImageSet):
    """Half of the weight on images of the category, half on the others, as published."""

    def weights(
        self, member: Float[Array, "pairs categories"], present: Float[Array, " pairs"]
    ) -> Float[Array, "pairs categories"]:
        inside, outside = (_shares(member * p[:, None]) for p in (present, 1.0 - present))
        return (inside + outside) / 2


class CategorySet(AbstractImageSet):
    """Only images of the category: found to work better on small networks (ours)."""

    def weights(
        self, member: Float[Array, "pairs categories"], present: Float[Array, " pairs"]
    ) -> Float[Array, "pairs categories"]:
        return _shares(member * present[:, None])


def _shares(member: Float[Array, "pairs categories"]) -> Float[Array, "pairs categories"]:
    return member / jnp.maximum(member.sum(axis=0), 1.0)[None, :]


def gradient_values(
    slopes: Float[Array, "pairs maps"],
    logits: Float[Array, " pairs"],
    category: Int[Array, " pairs"],
    present: Bool[Array, " pairs"],
    categories: int,
    over: AbstractImageSet,
) -> Values:
    """Minus the mean gradient of each category's detection error with respect to each map.

    The error is the cross-entropy E of a binary logistic detector, so that
    `dE/dx = (sigmoid(z) - present) dz/dx`, with z its logit. It is known for pairs of an image
    and a category.

    Args:
        slopes: dz/dx averaged over the places of each map.
        logits: z of the category's detector for the image.
        category: 0 to categories - 1.
        present: whether the image shows it.
        categories: how many.
        over: which of a category's images are averaged over.

    Returns:
        g, not normalised: see `normalised_by_layer` and its like.

    Source: Lindsay & Miller 2018, gradient values.
    """
    shown = present.astype(logits.dtype)
    member = jax.nn.one_hot(category, categories, dtype=logits.dtype)
    error = jax.nn.sigmoid(logits) - shown
    return -jnp.einsum(
        "pc,p,pf->cf", over.weights(member, shown), error, slopes, precision="highest"
    )


def normalised_by_layer(values: Values) -> Values:
    """Divided by the largest absolute value of the category in the layer (the paper's text)."""
    return values / _nonzero(jnp.max(jnp.abs(values), axis=1, keepdims=True))


def normalised_by_map(values: Values) -> Values:
    """Divided by the largest absolute value of the map over categories (the authors' code)."""
    return values / _nonzero(jnp.max(jnp.abs(values), axis=0, keepdims=True))


def normalised_by_both(values: Values) -> Values:
    """Divided by the largest absolute value of the layer over maps and categories.

    As in the authors' code for orientations.
    """
    return values / _nonzero(jnp.max(jnp.abs(values)))


def _nonzero(scale: Array) -> Array:
    return jnp.where(scale > 0, scale, 1.0)


def shuffled(key: PRNGKeyArray, values: Values) -> Values:
    """Control: each category's values given to other maps of the layer at random."""
    return jax.vmap(jax.random.permutation)(jax.random.split(key, len(values)), values)


def uniform(values: Values) -> Values:
    """Control: every map the same, the root mean square of the category's values."""
    size = jnp.sqrt(jnp.mean(values**2, axis=1, keepdims=True))
    return jnp.broadcast_to(size, values.shape)
