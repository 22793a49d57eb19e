"""Every error a caller may want to catch.

CrystalgenError
├── ConfigError          a setting is unknown, missing or out of range
├── RequestError         a request that is malformed or that no crystal can satisfy
├── GeometryError        a cell or coordinates that no crystal can have
├── SymmetryError        no group, or a structure and its claimed group disagree
├── RepresentationError  tokens that spell no crystal, a structure without tokens
├── DatasetError         a source of crystals that cannot be read
├── CheckpointError      a file that is not one of our checkpoints, or a damaged one
├── ExportError          a folder that cannot be written, a file that does not read back
├── EvaluationError      a figure that cannot be had, for example without an extra
└── TrainingError        training cannot go on, for example after a loss of NaN
"""


class CrystalgenError(Exception):
    """Base of all errors raised on purpose; the CLI prints it without a traceback."""


class ConfigError(CrystalgenError):
    """A setting is unknown, missing or out of range."""


class RequestError(CrystalgenError):
    """A request that is malformed or that no crystal can satisfy."""


class GeometryError(CrystalgenError):
    """A cell or coordinates that no crystal can have.

    Not finite, no volume, lengths or angles out of range, or nearly singular.
    """


class SymmetryError(CrystalgenError):
    """No space group is found, or a structure and its claimed group disagree."""


class RepresentationError(CrystalgenError):
    """Tokens that spell no crystal, or a structure that has no tokens.

    Structures without tokens are, for example, disordered ones.
    """


class DatasetError(CrystalgenError):
    """A source that cannot be read: unknown name, missing column, wrong hash."""


class CheckpointError(CrystalgenError):
    """A file that is not one of our checkpoints, or a truncated or damaged one."""


class ExportError(CrystalgenError):
    """A folder that cannot be written, or a file that does not read back."""


class EvaluationError(CrystalgenError):
    """A figure that cannot be had, for example because a library is not installed."""


class TrainingError(CrystalgenError):
    """Training cannot go on, for example after a loss of NaN."""
