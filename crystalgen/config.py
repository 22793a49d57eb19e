"""Turn a TOML table into frozen dataclasses, strictly, and back into plain values.

Knows how settings are read, never what they mean: each layer owns its dataclass
and validates ranges in ``__post_init__`` by raising `ValueError`.

Fields may be ``bool``, ``int``, ``float``, ``str``, ``Path``, a ``Literal``, an
``Enum`` (written by value), another dataclass (written as a sub-table), a tuple
of these (written as an array), or any of these ``| None`` (left out of the file).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from crystalgen.errors import ConfigError

ConfigT = TypeVar("ConfigT")

_NAMES = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    Path: "a path",
}


def load(path: Path, kind: type[ConfigT], *, table: str | None = None) -> ConfigT:
    """Read a TOML file as ``kind``; unknown keys and wrong types are errors.

    Args:
        path: The file.
        kind: A dataclass whose fields are the settings.
        table: The one table to read, or none for the whole file.

    Raises:
        ConfigError: The file is missing or is not TOML, or a setting is unknown,
            missing, of the wrong type or out of range.
    """
    document = _parse(path)
    if table is None:
        return build(kind, document, where=str(path))
    if table not in document:
        hint = _did_you_mean(table, document) or f"; found {sorted(document)}"
        raise ConfigError(f"{path}: no table [{table}]{hint}")
    return build(kind, document[table], where=f"{path} [{table}]")


def build(kind: type[ConfigT], settings: object, *, where: str) -> ConfigT:
    """Make a config from plain values, naming the nearest key on a typo.

    Args:
        kind: A dataclass whose fields are the settings.
        settings: A mapping of field names to plain values, as TOML or JSON give it.
        where: What to name in messages, such as ``run.toml [model]``.

    Raises:
        ConfigError: A setting is unknown, missing, of the wrong type or out of range.
    """
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where}: expected a table, got {_describe(settings)}")
    # ConfigT is a dataclass: no bound can say so
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            hint = _did_you_mean(key, known) or f"; known are {sorted(known)}"
            raise ConfigError(f"{where}: unknown setting {key!r}{hint}")
    missing = [
        name
        for name, field in known.items()
        if _is_required(field) and name not in settings
    ]
    if missing:
        raise ConfigError(f"{where}: missing setting {', '.join(map(repr, missing))}")
    types = get_type_hints(kind)
    values = {
        key: _convert(types[key], value, where=where, key=key)
        for key, value in settings.items()
    }
    try:
        return kind(**values)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def as_plain(config: object) -> dict[str, Any]:
    """Settings of a config as JSON and TOML hold them: the inverse of `build`.

    Settings that are ``None`` are left out, as TOML has no word for them.
    """
    if not is_dataclass(config):
        raise TypeError(f"expected a dataclass, got {_describe(config)}")
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected a TOML file in UTF-8: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: expected a TOML file: {error}") from error


def _convert(kind: Any, value: object, *, where: str, key: str) -> Any:  # noqa: ANN401
    """Check a plain value against a field's type; the result may be any of them."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _convert_optional(kind, value, where=where, key=key)
    if origin is tuple:
        return _convert_array(get_args(kind), value, where=where, key=key)
    if origin is Literal:
        return _convert_choice(get_args(kind), value, where=where, key=key)
    if isinstance(kind, type) and is_dataclass(kind):
        return build(kind, value, where=_subtable(where, key))
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = tuple(member.value for member in kind)
        return kind(_convert_choice(choices, value, where=where, key=key))
    return _convert_scalar(kind, value, where=where, key=key)


def _convert_scalar(
    kind: type, value: object, *, where: str, key: str
) -> bool | int | float | str | Path:
    if kind not in _NAMES:
        raise TypeError(f"{where}: a config cannot hold {key!r} of type {kind}")
    if kind is float and type(value) is int:
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    # `type is`, since True is an instance of int
    if type(value) is kind and isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"{where}: {key} must be {_NAMES[kind]}, got {_describe(value)}")


def _convert_optional(
    kind: Any,  # noqa: ANN401
    value: object,
    *,
    where: str,
    key: str,
) -> Any:  # noqa: ANN401
    kinds = [each for each in get_args(kind) if each is not NoneType]
    if len(kinds) != 1:
        raise TypeError(f"{where}: a config cannot hold {key!r} of type {kind}")
    return None if value is None else _convert(kinds[0], value, where=where, key=key)


def _convert_array(
    kinds: tuple[Any, ...], value: object, *, where: str, key: str
) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}: {key} must be an array, got {_describe(value)}")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise ConfigError(
            f"{where}: {key} must have {len(kinds)} entries, got {len(value)}"
        )
    return tuple(
        _convert(kind, entry, where=where, key=f"{key}[{index}]")
        for index, (kind, entry) in enumerate(zip(kinds, value, strict=True))
    )


def _convert_choice(
    choices: tuple[Any, ...], value: object, *, where: str, key: str
) -> Any:  # noqa: ANN401
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    hint = _did_you_mean(value, [each for each in choices if isinstance(each, str)])
    listed = ", ".join(map(repr, choices))
    raise ConfigError(f"{where}: {key} must be one of {listed}, got {value!r}{hint}")


def _plain(value: object) -> object:
    if is_dataclass(value):
        return as_plain(value)
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _did_you_mean(word: object, known: Mapping[str, object] | list[str]) -> str:
    nearest = get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _subtable(where: str, key: str) -> str:
    """Name a table inside another: ``run.toml [model]``, ``run.toml [model.x]``."""
    return f"{where[:-1]}.{key}]" if where.endswith("]") else f"{where} [{key}]"


def _describe(value: object) -> str:
    return f"{value!r} ({type(value).__name__})"
