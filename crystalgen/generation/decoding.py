"""Draws of the geometry: its codes, then the cell and the coordinates.

Each function takes a batch of templates and noise, and is a pure function of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor
from torch.nn.functional import one_hot

from crystalgen.generation.family_starts import try_families
from crystalgen.generation.relaxation import Relaxed, relax
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Geometry, Templates
from crystalgen.model.cell import lattice_features, lattice_parameters
from crystalgen.model.decoder import (
    GeometryPrediction,
    cell_log_likelihood,
    coords_log_likelihood,
    most_likely,
)
from crystalgen.model.draws import draw_codes
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.guidance import Guidance, code_reader
from crystalgen.model.prior import coded_first
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.prototype import Prototype
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import space_group

NO_CODE = -1
"""Stands for geometry codes that were not drawn: the most likely geometry of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryDraw:
    """Cells and coordinates of a batch.

    Attributes:
        crystal_codes: Codes of each crystal; `NO_CODE` for the most likely geometry.
        orbit_codes: Codes of each orbit; 0 where an orbit has none, `NO_CODE` for the
            most likely geometry.
        coords: Free coordinates in [0, 1).
        lattice_parameters: a, b, c in Å, alpha, beta, gamma in degrees.
        unrest: How far from rest each crystal is, Å, see `Relaxed`.
        log_prob: Log-probability of the codes given template and species.
    """

    crystal_codes: Int[Tensor, "crystals codes"]
    orbit_codes: Int[Tensor, "crystals orbits codes"]
    coords: Float64[np.ndarray, "crystals orbits 3"]
    lattice_parameters: Float64[np.ndarray, "crystals 6"]
    unrest: Float64[np.ndarray, " crystals"]
    log_prob: Float[Tensor, " crystals"]


def draw_geometry(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    noise: Float[Tensor, "crystals tokens codes entries"],
    *,
    temperature: float,
    is_coded: Bool[Tensor, " crystals"],
    guidance: Guidance | None = None,
) -> GeometryDraw:
    """Draw geometry codes from the prior and decode the most likely geometry.

    Args:
        networks: The trained networks.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        noise: Gumbel noise for the crystal (first) and at least all coded orbits.
        temperature: Of the draws.
        is_coded: False for crystals that get the most likely geometry of all codes.
        guidance: Properties to have; None for any. They change the codes alone.
    """
    n_crystals, n_orbits = templates.position.shape
    shape = (n_crystals, n_orbits, networks.config.geometry_codes[0])
    orbit_codes = torch.full(shape, NO_CODE, device=species.device)
    crystal_codes = orbit_codes[:, 0].clone()
    log_prob = torch.zeros(n_crystals, device=species.device)
    rows = torch.nonzero(is_coded).squeeze(1)
    if len(rows):
        crystal_codes[rows], orbit_codes[rows], log_prob[rows] = _draw_geometry_codes(
            networks,
            templates.rows(rows),
            species[rows],
            noise[rows],
            temperature=temperature,
            guidance=guidance and guidance.rows(rows),
        )
    decoded = decode_geometry(networks, templates, species, orbit_codes, crystal_codes)
    return GeometryDraw(
        crystal_codes=crystal_codes,
        orbit_codes=orbit_codes,
        coords=decoded.coords,
        lattice_parameters=decoded.parameters,
        unrest=decoded.unrest,
        log_prob=log_prob,
    )


def _draw_geometry_codes(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    noise: Float[Tensor, "crystals tokens codes entries"],
    *,
    temperature: float,
    guidance: Guidance | None,
) -> tuple[
    Int[Tensor, "crystals codes"],
    Int[Tensor, "crystals orbits codes"],
    Float[Tensor, " crystals"],
]:
    """Draw codes of crystals and orbits, with their log-probability."""
    order, coded = coded_first(networks.coded_orbits(templates))
    identity = one_hot(species, N_SPECIES).float()
    prior = networks.geometry_prior
    reader, context = code_reader(
        prior.codes, partial(prior.context, templates, identity, order), guidance
    )
    present = torch.nn.functional.pad(coded, (1, 0), value=True)
    codes, log_prob = draw_codes(
        reader,
        context,
        present,
        noise[:, : present.shape[1]],
        temperature=temperature,
    )
    n_orbits = templates.position.shape[1]
    orbit_codes = codes.new_zeros(len(codes), n_orbits, codes.shape[2])
    rows = torch.arange(len(codes), device=codes.device)[:, None]
    orbit_codes[rows, order] = codes[:, 1:] * coded[..., None]
    return codes[:, 0], orbit_codes, log_prob


def predict_geometry(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    orbit_codes: Int[Tensor, "crystals orbits codes"],
    crystal_codes: Int[Tensor, "crystals codes"],
) -> GeometryPrediction:
    """Distributions of coordinates and cell.

    Args:
        networks: The trained networks.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        orbit_codes: Of each orbit; not read where those of the crystal are open.
        crystal_codes: Of each crystal; `NO_CODE` leaves all codes of it open.
    """
    n_entries = networks.orbit_codes.n_entries
    return networks.decode_geometry(
        templates,
        one_hot(species, N_SPECIES).float(),
        one_hot(orbit_codes.clamp(min=0), n_entries).float(),
        one_hot(crystal_codes.clamp(min=0), n_entries).float(),
        crystal_codes[:, 0] != NO_CODE,
    )


def decode_geometry(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    orbit_codes: Int[Tensor, "crystals orbits codes"],
    crystal_codes: Int[Tensor, "crystals codes"],
) -> Relaxed:
    """Most likely coordinates and cell (Å, degrees) of given codes and species.

    Crystals are brought to rest where the networks have a relaxer.
    Where the codes of a crystal are `NO_CODE`, they are left open, and so is the family
    of its prototype.
    """
    prediction = predict_geometry(
        networks, templates, species, orbit_codes, crystal_codes
    )
    is_open = (crystal_codes[:, 0] == NO_CODE).cpu().numpy()
    return most_likely_at_rest(networks, templates, species, prediction, is_open)


def most_likely_at_rest(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    prediction: GeometryPrediction,
    is_open: Bool[np.ndarray, " crystals"],
) -> Relaxed:
    """The modes of predicted geometries, brought to rest.

    Args:
        networks: The trained networks.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        prediction: Of the crystals.
        is_open: Those whose prototype's family is open, too.
    """
    free = networks.geometry_decoder.free_coords(templates)
    coords, parameters = to_arrays(networks, templates, most_likely(prediction, free))
    found = relax(networks, templates, species, coords, parameters)
    log_density = partial(_log_density, networks, templates, prediction)
    return try_families(networks, templates, species, found, is_open, log_density)


def _log_density(
    networks: GenerativeNetworks,
    templates: Templates,
    prediction: GeometryPrediction,
    rows: Int[np.ndarray, " geometries"],
    coords: Float64[np.ndarray, "geometries orbits 3"],
    parameters: Float64[np.ndarray, "geometries 6"],
) -> Float64[np.ndarray, " geometries"]:
    """What the decoder makes of geometries of some of the crystals, nats."""
    decoder, device = networks.geometry_decoder, prediction.cell_location.device
    chosen = torch.from_numpy(rows).to(device)
    expected = GeometryPrediction(*(part[chosen] for part in prediction))
    some = templates.rows(chosen)
    n_atoms = decoder.n_atoms(some).cpu()
    cell = lattice_features(torch.from_numpy(parameters), n_atoms).float().to(device)
    at = torch.from_numpy(coords).float().to(device)
    density = coords_log_likelihood(expected, at, decoder.free_coords(some))
    density += cell_log_likelihood(expected, cell, decoder.cell_free[some.space_group])
    return density.double().cpu().numpy()


def to_arrays(
    networks: GenerativeNetworks, templates: Templates, geometry: Geometry
) -> tuple[Float64[np.ndarray, "crystals orbits 3"], Float64[np.ndarray, "crystals 6"]]:
    """Coordinates and lattice parameters in double precision."""
    n_atoms = networks.geometry_decoder.n_atoms(templates)
    parameters = lattice_parameters(geometry.cell.double(), n_atoms.double())
    # a coordinate of the chosen precision cannot round up to 1
    coords = np.minimum(geometry.coords.double().cpu().numpy(), 1 - 2**-24)
    return coords, parameters.cpu().numpy()


def assemble(
    prototype: Prototype,
    species: Sequence[int],
    coords: Float64[np.ndarray, "orbits 3"],
    parameters: Float64[np.ndarray, "6"],
) -> SymmetricCrystal:
    """The crystal of a template, an element for each role, and a geometry.

    Args:
        prototype: Group, positions and roles.
        species: Atomic number of each role.
        coords: Free coordinates of at least all orbits, in [0, 1).
        parameters: a, b, c in Å, alpha, beta, gamma in degrees, nearly obeying the
            crystal system.
    """
    return SymmetricCrystal(
        space_group=prototype.space_group,
        wyckoff=prototype.wyckoff,
        species=tuple(int(species[role]) for role in prototype.roles),
        free_coords=coords[: len(prototype.wyckoff)],
        lattice_parameters=constrain(
            parameters, space_group(prototype.space_group).crystal_system
        ),
    )
