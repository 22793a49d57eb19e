"""What the relaxer is trained for: to take errors off crystals.

Half of the crystals come with the errors of the decoder, whose geometry is at hand in
every step; the others with Gaussian noise of any size, so that the relaxer knows rare
mistakes, too. What it learns is the mean of what the crystal should be (Vincent, 2011;
for forces, Zaidi et al., 2022, arXiv:2206.00133), here on crystals at rest.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from crystalgen.model.atoms import AtomBatch, lattices, pair_vectors
from crystalgen.model.autoencoder import GenerativeNetworks, Pass
from crystalgen.model.batch import CrystalBatch, Geometry
from crystalgen.model.cell import lattice_parameters
from crystalgen.model.decoder import most_likely
from crystalgen.model.motion import change_between, shifted, stepped
from crystalgen.model.relaxer import Change, Relaxer
from crystalgen.model.tables import symmetry_tables
from crystalgen.training.problem import Losses

LARGEST_SHIFT = 0.3
"""Å; standard deviation of the largest noise on positions."""
LARGEST_DEFORMATION = (0.12, 0.06, 0.06, 0.03, 0.03, 0.03)
"""The same of the lattice features, see `crystalgen.model.cell`."""
LARGEST_COSINE = 0.9
DECODED_SHARE = 0.5
"""Share of crystals that start from what the decoder takes them for."""
DECADES = 1.3
"""Noise is from 10^-1.3 times the largest on, evenly on a logarithmic scale."""
FARTHEST = 0.6
"""Å (and, over 3, a strain) beyond which an error of the decoder is another structure,
and noise is used instead."""
STRAIN_WEIGHT = 1.5
"""Å; how a wrong strain weighs against a wrong shift."""


class Lesson(NamedTuple):
    """What the relaxer is asked for.

    Attributes:
        exact_shift: Å; smaller errors weigh less than in proportion. A quarter of it
            for strains.
        moved_share: Share of the crystals that the relaxer itself has moved once, so
            that it learns what to do with what it leaves.
    """

    exact_shift: float
    moved_share: float


ALONG = Lesson(exact_shift=0.02, moved_share=0.0)
"""While all else is learnt."""
ALONE = Lesson(exact_shift=0.01, moved_share=0.5)
"""When all else is."""


class Configuration(NamedTuple):
    """A geometry, flat."""

    coords: Float[Tensor, "orbits 3"]
    parameters: Float[Tensor, "crystals 6"]
    """Å, degrees."""


class Denoised(NamedTuple):
    """Loss and what to report of it.

    Attributes:
        loss: Mean over crystals, about Å.
        shift_error: Mean distance that is left, Å, over atoms that can move.
        shift_before: The same before.
    """

    loss: Float[Tensor, ""]
    shift_error: Float[Tensor, ""]
    shift_before: Float[Tensor, ""]

    @property
    def parts(self) -> dict[str, Float[Tensor, ""]]:
        """The same by the names in the metrics, without gradients."""
        return {
            "relaxation": self.loss.detach(),
            "shift_error": self.shift_error,
            "shift_before": self.shift_before,
        }


def denoising(
    relaxer: Relaxer,
    atoms: AtomBatch,
    batch: CrystalBatch,
    decoded: Geometry | None,
    generator: torch.Generator,
    lesson: Lesson = ALONG,
) -> Denoised:
    """Add errors to crystals and have the relaxer find them.

    Args:
        relaxer: The network.
        atoms: Atoms of some of the crystals, the first of the batch.
        batch: The crystals.
        decoded: What the decoder takes them for; None for noise alone.
        generator: Source of the noise.
        lesson: What to ask for.
    """
    truth = _configuration(atoms, batch.geometry)
    species = batch.species.gather(1, batch.templates.role)[atoms.crystal, atoms.place]
    with torch.no_grad():
        start = _noisy(atoms, batch, generator)
        if decoded is not None:
            start = _mixed(atoms, truth, start, decoded, generator)
        if lesson.moved_share:
            start = _moved(
                relaxer, species, atoms, start, lesson.moved_share, generator
            )
        wanted = change_between(atoms, *start, *truth)
        vectors = pair_vectors(atoms, start.coords, lattices(atoms, start.parameters))
    found: Change = relaxer(species, atoms, vectors)
    weight = atoms.size * atoms.free.any(dim=1)
    total = weight.sum().clamp(min=1)
    by_shift = smooth_l1_loss(
        found.shift, wanted.shift, beta=lesson.exact_shift, reduction="none"
    ).sum(dim=1)
    by_strain = smooth_l1_loss(
        found.strain, wanted.strain, beta=lesson.exact_shift / 4, reduction="none"
    ).sum()
    left = (found.shift.detach() - wanted.shift).norm(dim=1)
    return Denoised(
        loss=(by_shift * weight).sum() / total + STRAIN_WEIGHT * by_strain / len(atoms),
        shift_error=(left * weight).sum() / total,
        shift_before=(wanted.shift.norm(dim=1) * weight).sum() / total,
    )


def with_denoising(
    losses: Losses,
    networks: GenerativeNetworks,
    batch: CrystalBatch,
    outcome: Pass,
    generator: torch.Generator,
    *,
    weight: float,
) -> Losses:
    """Add the loss of the relaxer, if there is one, to the other losses of a pass.

    Args:
        losses: The others.
        networks: With or without a relaxer.
        batch: What was passed.
        outcome: What came out.
        generator: Source of the noise.
        weight: Of the loss.
    """
    if networks.relaxer is None or batch.atoms is None:
        return losses
    free = networks.geometry_decoder.free_coords(batch.templates)
    decoded = most_likely(outcome.geometry, free)
    found = denoising(networks.relaxer, batch.atoms, batch, decoded, generator)
    return Losses(
        total=losses.total + weight * found.loss,
        n_crystals=losses.n_crystals,
        parts={**losses.parts, **found.parts},
    )


def _configuration(atoms: AtomBatch, geometry: Geometry) -> Configuration:
    """Coordinates of the atoms' orbits, and their cells."""
    n_crystals = len(atoms)
    n_atoms = atoms.size.new_zeros(n_crystals).index_add(0, atoms.crystal, atoms.size)
    n_conventional = n_atoms / torch.linalg.det(atoms.vectors).abs()
    return Configuration(
        coords=geometry.coords[atoms.crystal, atoms.place],
        parameters=lattice_parameters(geometry.cell[:n_crystals], n_conventional),
    )


def _noisy(
    atoms: AtomBatch, batch: CrystalBatch, generator: torch.Generator
) -> Configuration:
    """Shift atoms and deform cells at random, within the groups."""
    n_crystals, device = len(atoms), atoms.size.device

    def normal(n_rows: int, n_columns: int) -> Tensor:
        noise = torch.randn(
            n_rows, n_columns, generator=generator, device=generator.device
        )
        return noise.to(device)

    def scale() -> Tensor:
        luck = torch.rand(n_crystals, 1, generator=generator, device=generator.device)
        return 10 ** (-DECADES * luck).to(device)

    group = batch.templates.space_group[:n_crystals]
    is_free = symmetry_tables().cell_free.to(device)[group]
    largest = torch.tensor(LARGEST_DEFORMATION, device=device)
    deformation = largest * scale() * normal(n_crystals, 6) * is_free
    cell = batch.geometry.cell[:n_crystals] + deformation
    cell[:, 3:] = cell[:, 3:].clamp(-LARGEST_COSINE, LARGEST_COSINE)
    start = _configuration(atoms, replace(batch.geometry, cell=cell))
    shift = LARGEST_SHIFT * scale()[atoms.crystal] * normal(len(atoms.size), 3)
    lattice = lattices(atoms, start.parameters)
    return start._replace(coords=shifted(atoms, start.coords, lattice, shift))


def _mixed(
    atoms: AtomBatch,
    truth: Configuration,
    noisy: Configuration,
    decoded: Geometry,
    generator: torch.Generator,
) -> Configuration:
    """Take what was decoded for half of the crystals, where it is near the truth."""
    other = _configuration(atoms, decoded)
    step = other.coords - truth.coords
    other = other._replace(coords=truth.coords + step - step.round())
    change = change_between(atoms, *other, *truth)
    farthest = change.shift.new_zeros(len(atoms)).scatter_reduce(
        0, atoms.crystal, change.shift.norm(dim=1), "amax"
    )
    strain = change.strain.abs().amax(dim=(1, 2))
    luck = torch.rand(len(atoms), generator=generator, device=generator.device)
    taken = luck.to(strain.device) < DECODED_SHARE
    taken &= (farthest < FARTHEST) & (strain < FARTHEST / 3)
    return Configuration(
        coords=torch.where(taken[atoms.crystal, None], other.coords, noisy.coords),
        parameters=torch.where(taken[:, None], other.parameters, noisy.parameters),
    )


def _moved(
    relaxer: Relaxer,
    species: Int[Tensor, " orbits"],
    atoms: AtomBatch,
    start: Configuration,
    share: float,
    generator: torch.Generator,
) -> Configuration:
    """Let the relaxer move some of the crystals once."""
    lattice = lattices(atoms, start.parameters)
    change = relaxer(species, atoms, pair_vectors(atoms, start.coords, lattice))
    coords, parameters = stepped(atoms, start.coords, lattice, change)
    luck = torch.rand(len(atoms), generator=generator, device=generator.device)
    # an untrained relaxer may lead to no cell at all
    is_cell = parameters.isfinite().all(dim=1) & (parameters[:, :3] > 1).all(dim=1)
    taken = (luck.to(is_cell.device) < share) & is_cell
    return Configuration(
        coords=torch.where(taken[atoms.crystal, None], coords, start.coords),
        parameters=torch.where(taken[:, None], parameters, start.parameters),
    )
