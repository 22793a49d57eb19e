"""The Python interface: load weights, sample, predict, encode, reconstruct."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pymatgen.core import Structure

from crystalgen.generation.block_sizes import DRAWS_PER_BLOCK
from crystalgen.generation.candidate import Codes, Progress
from crystalgen.generation.code_search import SEARCH_ROUNDS
from crystalgen.generation.request import Request
from crystalgen.generation.sampling import Sampling
from crystalgen.generation.weights import Weights, load_weights
from crystalgen.representation.conversion import from_structure
from crystalgen.representation.crystal import SymmetricCrystal

if TYPE_CHECKING:
    from crystalgen.generation.prediction import Prediction


@dataclass(frozen=True, kw_only=True)
class Generator:
    """A trained model, ready to use.

    >>> generator = Generator.load()
    >>> [crystal] = generator.sample(Request(n=1, space_groups=(225,)), seed=1)
    >>> crystal.space_group
    225
    """

    weights: Weights
    """Networks and what they were trained on."""
    checkpoint: Path | None = None
    """Where the weights came from; None for those inside the package."""

    @classmethod
    def load(
        cls, checkpoint: Path | str | None = None, *, device: str = "cpu"
    ) -> "Generator":
        """Load a checkpoint, or the weights inside the package.

        Args:
            checkpoint: A file written by `crystalgen train`.
            device: "cpu", "cuda", "mps" or "auto".

        Raises:
            CheckpointError: The file is missing, damaged, or holds another model.
            RequestError: There is no such device here.
        """
        path = None if checkpoint is None else Path(checkpoint)
        return cls(weights=load_weights(path, device=device), checkpoint=path)

    def sample(
        self,
        request: Request,
        *,
        seed: int = 0,
        workers: int = 1,
        batch_size: int = DRAWS_PER_BLOCK,
        progress: Progress | None = None,
    ) -> Sampling:
        """Generate valid and unique crystals, lazily.

        Args:
            request: What is wanted.
            seed: Same seed, weights and request: same crystals.
            workers: Processes that draw; each loads the weights once.
            batch_size: Draws handed to a process at once; never changes the crystals.
            progress: Where to go on with an interrupted run; None to begin.

        Returns:
            An iterator of candidates; its `tally` says what became of the draws.

        Raises:
            RequestError: No crystal can fulfil the request.
        """
        return Sampling(
            weights=self.weights,
            request=request,
            seed=seed,
            workers=workers,
            batch_size=batch_size,
            checkpoint=self.checkpoint,
            progress=progress,
        )

    def encode(
        self, structures: Iterable[Structure], *, rounds: int = SEARCH_ROUNDS
    ) -> Iterator[Codes]:
        """Discrete codes of crystals, in the same order.

        Args:
            structures: The crystals.
            rounds: Of the search for codes that are decoded nearer to a crystal than
                the most probable ones, 60 ms for each; 0 takes those, in 1 ms.

        Raises:
            RepresentationError: A crystal is disordered or too large for the networks.
        """
        for _, codes in self._encoded(structures, rounds):
            yield from codes

    def predict(
        self, structures: Iterable[Structure]
    ) -> "Iterator[dict[str, Prediction]]":
        """Properties of crystals with intervals, in the same order, by name.

        Raises:
            RequestError: The weights were trained without properties.
            RepresentationError: A crystal is disordered or too large for the networks.
        """
        # torch-geometric takes seconds to import and is needed here only
        from crystalgen.generation.prediction import predict

        crystals = map(from_structure, structures)
        while batch := list(islice(crystals, _BATCH)):
            yield from predict(self.weights, batch)

    def reconstruct(
        self, structures: Iterable[Structure], *, rounds: int = SEARCH_ROUNDS
    ) -> Iterator[Structure]:
        """Crystals decoded from the codes of given ones, in the same order.

        Args:
            structures: The crystals.
            rounds: Of the search for their codes, see `encode`.

        Raises:
            RepresentationError: A crystal is disordered or too large for the networks.
        """
        from crystalgen.generation.encoding import decode
        from crystalgen.representation.conversion import to_structure

        for crystals, codes in self._encoded(structures, rounds):
            for crystal in decode(self.weights, crystals, codes):
                yield to_structure(crystal)

    def _encoded(
        self, structures: Iterable[Structure], rounds: int
    ) -> Iterator[tuple[list[SymmetricCrystal], list[Codes]]]:
        """Crystals and their codes, some at a time."""
        # torch-geometric takes seconds to import and is needed here only
        from crystalgen.generation.encoding import encode

        crystals = map(from_structure, structures)
        while batch := list(islice(crystals, _BATCH)):
            yield batch, encode(self.weights, batch, rounds=rounds)


_BATCH = 64
"""Crystals encoded together."""
