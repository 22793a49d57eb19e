"""Blocks cover the draws, each once."""

import pytest
from hypothesis import given, strategies as st

from crystalgen.generation.block_sizes import block_of, draws_of


@given(st.integers(0, 200))
def test_each_block_begins_where_the_one_before_ends(block):
    assert draws_of(block).stop == draws_of(block + 1).start
    assert draws_of(0).start == 0


@given(st.integers(0, 20_000))
def test_a_draw_is_in_its_block(draw):
    assert draw in draws_of(block_of(draw))


@given(st.integers(0, 200))
def test_blocks_do_not_shrink(block):
    assert len(draws_of(block)) <= len(draws_of(block + 1))


@pytest.mark.parametrize("block", [7, 8])
def test_the_size_changes_between_blocks(block):
    assert block_of(draws_of(block).stop - 1) == block
