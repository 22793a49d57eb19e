"""Geometries from anywhere: atoms at random in the cell, brought to rest.

Of prototypes that the decoder has not seen, it holds the wrong geometry likely more
often than not, and codes turn it into others like it. So some geometries start from
random coordinates, as in random structure searches (Pickard and Needs, J. Phys.:
Condens. Matter 23, 053201, 2011), but on given Wyckoff positions, in the likely cell,
and with the relaxer instead of an energy. Of a few starts for each crystal the first
with room for all atoms is taken; in half of them, half of the orbits stay where the
decoder has them. Where the prototype has further families, half of the crystals start
from one of those (`family_starts`). The cells vary as far as the decoder is in doubt.

Each function is a pure function of templates and noise.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from crystalgen.generation.decoding import (
    NO_CODE,
    GeometryDraw,
    most_likely_at_rest,
    predict_geometry,
)
from crystalgen.generation.family_starts import families_of, in_family
from crystalgen.generation.relaxation import Relaxed, relax
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.cell import lattice_features, lattice_parameters
from crystalgen.model.decoder import GeometryPrediction
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.frame import Frame, frame_of
from crystalgen.symmetry.lattice import constrain, lattice_matrix
from crystalgen.symmetry.wyckoff import crystal_system

N_STARTS = 24
"""Starts that are looked at for each crystal."""
NOISE_SHAPE = (N_STARTS, 4)
"""Of the noise of each orbit: three coordinates and a chance to stay, for every start.
The noise of a crystal begins with a row for the starts as a whole."""
MAX_STEPS = 12
"""Most steps of the relaxer: it is a long way from random coordinates."""
KEEPING_STARTS = 0.5
"""Share of the starts in which orbits may stay."""
KEPT_ORBITS = 0.5
"""Share of the orbits that then do."""
FAMILY_STARTS = 0.5
"""Share of the crystals that start from a further family, if there is one."""
CELL_NOISE = 0.5
"""Of the cells, relative to how far the decoder is in doubt of them."""
MAX_COSINE = 0.9
"""Of the angles of cells that are varied."""
_IMAGES = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1)


def scatter_geometry(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    noise: Float64[np.ndarray, "crystals one_and_orbits starts 4"],
    limits: Float[np.ndarray, "species species"],
) -> GeometryDraw:
    """Scatter the atoms of crystals and bring them to rest.

    Args:
        networks: The trained networks, with a relaxer.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        noise: Uniform in [0, 1), see `NOISE_SHAPE`.
        limits: Smallest distance in Å that each pair of elements should have.
    """
    n_crystals, n_orbits = templates.position.shape
    n_codes = networks.config.geometry_codes[0]
    orbit_codes = torch.full(
        (n_crystals, n_orbits, n_codes), NO_CODE, device=species.device
    )
    expected = predict_geometry(
        networks, templates, species, orbit_codes, orbit_codes[:, 0]
    )
    is_open = np.ones(n_crystals, dtype=bool)
    likely = most_likely_at_rest(networks, templates, species, expected, is_open)
    coords, parameters = _begun(networks, templates, species, likely, noise, limits)
    parameters = _varied(networks, templates, expected, parameters, noise[:, 0])
    found = relax(networks, templates, species, coords, parameters, max_steps=MAX_STEPS)
    return GeometryDraw(
        crystal_codes=orbit_codes[:, 0],
        orbit_codes=orbit_codes,
        coords=found.coords,
        lattice_parameters=found.parameters,
        unrest=found.unrest,
        log_prob=torch.zeros(n_crystals, device=species.device),
    )


def _begun(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    likely: Relaxed,
    noise: Float64[np.ndarray, "crystals one_and_orbits starts 4"],
    limits: Float[np.ndarray, "species species"],
) -> tuple[Float64[np.ndarray, "crystals orbits 3"], Float64[np.ndarray, "crystals 6"]]:
    """Coordinates and cells to start from: of a further family, or anywhere."""
    elements = species.gather(1, templates.role).cpu().numpy()
    free = networks.geometry_decoder.free_coords(templates).cpu().numpy() > 0
    letters = symmetry_tables().letter[templates.position.cpu()].tolist()
    counts = templates.present.sum(dim=1).tolist()
    coords, parameters = likely.coords.copy(), likely.parameters.copy()
    families = families_of(networks, templates)
    for row, (group, count) in enumerate(
        zip(templates.space_group.tolist(), counts, strict=True)
    ):
        here = slice(0, count)
        _, is_family, which, _ = noise[row, 0, 0]
        if families[row] and is_family < FAMILY_STARTS:
            family = families[row][int(which * len(families[row]))]
            coords[row, here], parameters[row] = in_family(
                networks, family, parameters[row], group
            )
            continue
        coords[row, here] = _roomiest(
            frame_of(group, tuple(letters[row][here])),
            _starts(coords[row, here], free[row, here], noise[row, : 1 + count]),
            lattice_matrix(parameters[row]),
            elements[row, here],
            limits,
        )
    return coords, parameters


def _varied(
    networks: GenerativeNetworks,
    templates: Templates,
    expected: GeometryPrediction,
    parameters: Float64[np.ndarray, "crystals 6"],
    noise: Float64[np.ndarray, "crystals starts 4"],
) -> Float64[np.ndarray, "crystals 6"]:
    """Cells with other volumes and shapes, as far as the decoder is in doubt.

    Args:
        networks: The trained networks.
        templates: Groups and positions.
        expected: What the decoder says of the cells: Laplace distributions.
        parameters: Lattice parameters before.
        noise: Uniform; six numbers of each crystal that nothing else is drawn from.
    """
    decoder = networks.geometry_decoder
    n_atoms = decoder.n_atoms(templates).double().cpu()
    is_free = decoder.cell_free[templates.space_group].cpu().numpy()
    uniform = (noise[:, 1:3, 1:].reshape(len(noise), 6) - 0.5).clip(-0.499, 0.499)
    laplace = -np.sign(uniform) * np.log1p(-2 * np.abs(uniform))
    scale = CELL_NOISE * expected.cell_scale.double().cpu().numpy()
    features = lattice_features(torch.from_numpy(parameters), n_atoms).numpy()
    features = features + is_free * scale * laplace
    features[:, 3:] = features[:, 3:].clip(-MAX_COSINE, MAX_COSINE)
    varied = lattice_parameters(torch.from_numpy(features), n_atoms).numpy()
    groups = templates.space_group.tolist()
    return np.array(
        [
            constrain(each, crystal_system(group))
            for each, group in zip(varied, groups, strict=True)
        ]
    )


def _starts(
    likely: Float64[np.ndarray, "orbits 3"],
    free: Bool[np.ndarray, "orbits 3"],
    noise: Float64[np.ndarray, "one_and_orbits starts 4"],
) -> Float64[np.ndarray, "starts orbits 3"]:
    """Coordinates to choose from; those that are not free stay."""
    of_starts, of_orbits = noise[0, :, 0], noise[1:].swapaxes(0, 1)
    stays = (of_starts < KEEPING_STARTS)[:, None] & (of_orbits[..., 3] < KEPT_ORBITS)
    return np.where(free & ~stays[..., None], of_orbits[..., :3], likely)


def _roomiest(
    frame: Frame,
    starts: Float64[np.ndarray, "starts orbits 3"],
    lattice: Float64[np.ndarray, "3 3"],
    elements: Int[np.ndarray, " orbits"],
    limits: Float[np.ndarray, "species species"],
) -> Float64[np.ndarray, "orbits 3"]:
    """The first start with room for all atoms, or the one with most."""
    room = _room(frame, starts, frame.vectors @ lattice, elements, limits)
    has_room = room >= 1.0
    return starts[int(has_room.argmax() if has_room.any() else room.argmax())]


def _room(
    frame: Frame,
    starts: Float64[np.ndarray, "starts orbits 3"],
    lattice: Float64[np.ndarray, "3 3"],
    elements: Int[np.ndarray, " orbits"],
    limits: Float[np.ndarray, "species species"],
) -> Float64[np.ndarray, " starts"]:
    """Smallest distance of two atoms over its limit, in each start.

    Atoms of the cells around are seen, which are all that matter but for flat cells.
    """
    places = np.einsum("aij,saj->sai", frame.maps, starts[:, frame.orbit])
    places = places + frame.shifts
    apart = places[:, None] - places[:, frame.representative][:, :, None]
    apart -= np.rint(apart)
    images = apart[..., None, :] @ lattice + _IMAGES.reshape(-1, 3) @ lattice
    squared = np.einsum("soaic,soaic->soai", images, images)
    here = len(_IMAGES.reshape(-1, 3)) // 2
    squared[:, np.arange(len(elements)), frame.representative, here] = np.inf
    wanted = limits[elements[:, None], elements[frame.orbit][None]]
    return np.sqrt(squared.min(axis=3) / wanted**2).min(axis=(1, 2))
