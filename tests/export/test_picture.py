import io

import numpy as np
import pytest
from matplotlib.image import imread

from crystalgen.export.picture import PER_LINE, crystal_row, heat_map


def pixels(png):
    return imread(io.BytesIO(png), format="png")


@pytest.mark.parametrize("n", [1, 4, PER_LINE + 1])
def test_crystals_are_drawn_in_lines(crystals, n):
    names = [each.formula for each in crystals]
    image = pixels(crystal_row(crystals[:n], names[:n], title="some"))
    assert image.ndim == 3
    assert image[..., :3].std() > 0.05
    assert (image.shape[0] > image.shape[1] / 2) == (n != 4)


def test_all_crystals_are_drawn_to_one_scale(crystals):
    salt, fluoride = crystals[0], crystals[1]  # 5.64 and 4.03 Å
    image = pixels(crystal_row([salt, fluoride], ["", ""], title=""))
    ink = (image[..., :3] < 0.5).any(axis=2)
    left, right = np.array_split(ink, 2, axis=1)
    widths = [np.ptp(np.flatnonzero(half.any(axis=0))) for half in (left, right)]
    # atoms that stand out of the cell make the smaller one a little wider
    assert 4.03 / 5.64 < widths[1] / widths[0] < 0.85


def test_a_table_is_drawn_with_grey_where_nothing_is_known():
    values = np.array([[0.0, 0.5], [1.0, np.nan]])
    image = pixels(
        heat_map(
            values,
            [["a", "b"], ["c", ""]],
            rows=["one", "two"],
            columns=["x", "y"],
            title="t",
            scale="s",
        )
    )
    grey = np.isclose(image[..., :3], 196 / 255, atol=0.01).all(axis=2)
    assert grey.mean() > 0.05
