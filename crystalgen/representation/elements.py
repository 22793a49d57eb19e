"""Element symbols and the order in which elements are written."""

_TABLE = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn "
    "Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La "
    "Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po "
    "At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg "
    "Cn Nh Fl Mc Lv Ts Og"
)
SYMBOLS = tuple(_TABLE.split())
"""Symbol of atomic number z at index z - 1, for 1 to 118."""
ATOMIC_NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS, start=1)}
"""Atomic number of each symbol."""

_ORDER = (
    "Fr Cs K Rb Ba Ra Na Sr Li Ca La Tb Yb Ac Ce Pr Pm Nd Sm Eu Gd Y Dy Ho Er Tm "
    "Lu Pu Hf Th Am Cm Bk Cf Es Fm Md No Lr Mg Zr Sc Np U Ta Pa Ti Mn Be Nb Al Tl "
    "V Zn Cr Cd In Ga Fe Co Si Cu Tc Re Ni Ag Sn Hg Po Ge Bi B Sb Te Mo As P H Ru "
    "Pd Os Ir At Rn Rh Pt Pb W Au C Se S Xe I Br Kr N Cl O F He Ne Ar Rf Db Sg Bh "
    "Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
BY_ELECTRONEGATIVITY = tuple(_ORDER.split())
"""From the least electronegative (Pauling) on; those without a value come last, by
atomic number, and so do equals among themselves."""

RANKS = tuple(BY_ELECTRONEGATIVITY.index(symbol) for symbol in SYMBOLS)
"""Place of atomic number z in `BY_ELECTRONEGATIVITY`, at index z - 1."""
