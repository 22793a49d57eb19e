"""Options that say what every generated crystal has."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalgen.generation.condition import Condition

PANEL = "What every crystal has, in any mix"
PROPERTIES = "Properties that the weights were trained with"

SpaceGroup = Annotated[
    str,
    typer.Option(
        help="One of these space groups, as numbers: 225 or 225,216.",
        rich_help_panel=PANEL,
    ),
]
CrystalSystems = Annotated[
    str,
    typer.Option(
        help="One of these: triclinic, monoclinic, orthorhombic, tetragonal, trigonal,"
        " hexagonal, cubic.",
        rich_help_panel=PANEL,
    ),
]
ChemicalSystem = Annotated[
    str,
    typer.Option(
        help="Exactly these elements, all of them in each crystal: Li-Fe-P-O.",
        rich_help_panel=PANEL,
    ),
]
Elements = Annotated[
    str,
    typer.Option(
        help="Only these elements, not all of them in each crystal: Na,K,Cl,O.",
        rich_help_panel=PANEL,
    ),
]
Require = Annotated[
    str,
    typer.Option(
        help="These elements, among others: --require Li.", rich_help_panel=PANEL
    ),
]
Exclude = Annotated[
    str,
    typer.Option(
        help="None of these elements: --exclude Pb,Cd,Hg.", rich_help_panel=PANEL
    ),
]
Formula = Annotated[
    str,
    typer.Option(
        help="This composition, with as many formula units as fit: LiFePO4.",
        rich_help_panel=PANEL,
    ),
]
FormulaUnits = Annotated[
    int | None,
    typer.Option(
        "--z",
        min=1,
        help="So many formula units of --formula in the primitive cell.",
        rich_help_panel=PANEL,
    ),
]
AnonymousFormula = Annotated[
    str,
    typer.Option(
        help="Amounts in this ratio, whatever the elements: ABC3.",
        rich_help_panel=PANEL,
    ),
]
NElements = Annotated[
    str,
    typer.Option(help="So many different elements: 3, or 2-4.", rich_help_panel=PANEL),
]
MinAtoms = Annotated[
    int | None,
    typer.Option(
        min=1, help="Fewest atoms in the primitive cell.", rich_help_panel=PANEL
    ),
]
MaxAtoms = Annotated[
    int | None,
    typer.Option(
        min=1, help="Most atoms in the primitive cell.", rich_help_panel=PANEL
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        help="A property to have, nearly: a value, band_gap=2, or a range,"
        " band_gap=1:3, in the unit of the training data. May be given several times,"
        " for different properties.",
        rich_help_panel=PROPERTIES,
        show_default=False,
    ),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        help="How hard to insist on conditions: 0 ignores them, 1 draws what they make"
        " likely, more what is most typical of them, and less diverse. 3 if unset.",
        rich_help_panel=PROPERTIES,
        show_default=False,
    ),
]
Temperature = Annotated[
    float, typer.Option(help="Below 1 more typical, above 1 more unusual.")
]
Choices = Annotated[
    int,
    typer.Option(
        min=1,
        max=100,
        help="Compositions drawn for each crystal, among which the critic chooses"
        " (mp-20 has one, see crystalgen teach); 1 takes the first.",
    ),
]
AllowKnown = Annotated[
    bool,
    typer.Option(
        "--allow-known",
        help="Also take crystals with the group, positions and elements of a"
        " training crystal, which are else drawn again.",
    ),
]
VaryGeometry = Annotated[
    bool,
    typer.Option(
        "--vary-geometry",
        help="Draw geometries, too, instead of the most likely one: half of them from"
        " codes, half from atoms anywhere in the cell, brought to rest.",
    ),
]
MinStability = Annotated[
    float,
    typer.Option(
        help="Only crystals that lie within 0.1 eV/atom of the hull with at least this"
        " probability, as the weights tell it: 0.9. Takes longer.",
        show_default=False,
    ),
]
ChargeNeutral = Annotated[
    bool,
    typer.Option(
        help="Usual oxidation states cancel, unless the crystal is a metal.",
        rich_help_panel=PANEL,
    ),
]


def parse_space_groups(text: str) -> tuple[int, ...]:
    """Read numbers such as "225,216"; which of them exist is the request's matter."""
    parts = parse_names(text)
    for part in parts:
        if not part.isdecimal():
            raise typer.BadParameter(
                f"got {part!r}; expected numbers from 1 to 230, for example 225,216",
                param_hint="'--space-group'",
            )
    return tuple(dict.fromkeys(int(part) for part in parts))


def parse_conditions(texts: "Sequence[str]") -> "tuple[Condition, ...]":
    """Read "band_gap=2" or "band_gap=1:3"; another spelling is a wrong usage."""
    # imported here because --help must not pay for what comes with it
    from crystalgen.generation.condition import Condition, is_spelled

    for text in texts:
        if not is_spelled(text):
            raise typer.BadParameter(
                f"got {text!r}; expected a property and a number or a range, for "
                "example band_gap=2 or band_gap=1:3",
                param_hint="'--condition'",
            )
    return tuple(map(Condition.parse, texts))


def parse_names(text: str) -> tuple[str, ...]:
    """Read names set apart by commas, blanks or hyphens; the request judges them.

    >>> parse_names("Li-Fe-P-O"), parse_names("Na, Cl")
    (('Li', 'Fe', 'P', 'O'), ('Na', 'Cl'))
    """
    return tuple(part for part in re.split(r"[-,\s]+", text) if part)


def parse_range(text: str) -> tuple[int, int] | None:
    """Read "3" or "2-4"; None if there is nothing to read."""
    if not text.strip():
        return None
    limits = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if not limits:
        raise typer.BadParameter(
            f"got {text!r}; expected a number or a range, for example 3 or 2-4",
            param_hint="'--n-elements'",
        )
    low, high = limits.groups()
    return int(low), int(high or low)
