"""The graph network that reads a crystal. The only module that needs PyG."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from crystalgen.model.batch import CrystalBatch, Edges
from crystalgen.model.cell import N_FEATURES
from crystalgen.model.centres import Centre
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import (
    N_SPECIES,
    CoordinateFeatures,
    Residuals,
    TemplateEmbedding,
)
from crystalgen.model.layers import Transformer, mlp

CUTOFF = 8.0
"""Distance in Å beyond which edges look alike."""
N_RADIAL = 32
"""Gaussians on which a distance is spread."""


class OrbitMessages(MessagePassing):
    """One round of messages from neighbouring orbits, gated by distance.

    The form is that of CGCNN (Xie and Grossman, 2018, eq. 5) with a layer norm.
    """

    def __init__(self, width: int) -> None:
        super().__init__(aggr="mean")
        self.norm = nn.LayerNorm(width)
        self.node = nn.Linear(width, 4 * width)
        self.edge = nn.Linear(N_RADIAL, 2 * width)
        self.update = mlp(width, width, width)

    def forward(
        self,
        orbits: Float[Tensor, "rows channels"],
        edges: Edges,
        radial: Float[Tensor, "edges radial"],
    ) -> Float[Tensor, "rows channels"]:
        """Add to each orbit what its neighbours say."""
        # linear before the gather: orbits are 12 times fewer than edges
        target, source = self.node(self.norm(orbits)).chunk(2, dim=-1)
        heard = self.propagate(
            torch.stack([edges.source, edges.target]),
            source=source,
            target=target,
            radial=self.edge(radial),
            size=(len(orbits), len(orbits)),
        )
        return orbits + self.update(heard)

    def message(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, source_j: Tensor, target_i: Tensor, radial: Tensor
    ) -> Float[Tensor, "edges channels"]:
        """Gate times core, per edge."""
        gate, core = (source_j + target_i + radial).chunk(2, dim=-1)
        return gate.sigmoid() * nn.functional.silu(core)


class GraphEncoder(nn.Module):
    """Read crystals into one vector per orbit and one per crystal.

    The graph is the quotient of the periodic crystal graph by the space group: one
    node per orbit, the edges of its representative atom.
    """

    coords_free: Tensor
    centres: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.template = TemplateEmbedding(config, width, n_prototypes=0)
        self.species = nn.Embedding(N_SPECIES, width)
        self.coords = CoordinateFeatures(width)
        self.residuals = Residuals(width)
        self.cell = mlp(N_FEATURES, width, width)
        self.whole = nn.Parameter(torch.zeros(width))
        self.messages = nn.ModuleList(
            OrbitMessages(width) for _ in range(config.graph_layers)
        )
        self.transformer = Transformer(width, config.heads, config.encoder_layers)
        self.register_buffer(
            "centres", torch.linspace(0, CUTOFF, N_RADIAL), persistent=False
        )

    def forward(
        self, batch: CrystalBatch, centre: Centre
    ) -> tuple[
        Float[Tensor, "crystals orbits channels"], Float[Tensor, "crystals channels"]
    ]:
        """Encode orbits and crystals.

        Args:
            batch: The crystals.
            centre: The usual geometry of their prototypes.
        """
        templates, geometry = batch.templates, batch.geometry
        free = self.template.coords_free[templates.position].float()
        cell = self.cell(geometry.cell)
        species = batch.species.gather(1, templates.role)
        orbits = (
            self.template(templates)
            + self.species(species)
            + self.coords(geometry.coords, free)
            + self.residuals(geometry, centre, free)
            + cell[:, None]
        )
        rows = orbits.flatten(0, 1)
        spacing = CUTOFF / (N_RADIAL - 1)
        offset = (batch.edges.length[:, None] - self.centres) / spacing
        radial = torch.exp(-0.5 * offset.square())
        for layer in self.messages:
            rows = layer(rows, batch.edges, radial)
        whole = (self.whole + cell + self.template.group(templates.space_group))[
            :, None
        ]
        tokens = torch.cat([whole, rows.unflatten(0, orbits.shape[:2])], dim=1)
        present = nn.functional.pad(templates.present, (1, 0), value=True)
        encoded = self.transformer(tokens, present)
        return encoded[:, 1:], encoded[:, 0]
