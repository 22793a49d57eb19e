from collections import namedtuple

import torch

from crystalgen.training.failure import named_tensors


def test_tensors_are_found_in_any_nest(toy):
    batch = toy.problem().collate([0, 1], torch.device("cpu"))
    pair = namedtuple("Pair", ["left", "right"])(torch.ones(1), torch.ones(2))
    nest = {"batch": batch, "pair": pair, "list": [torch.ones(3), "text", 3]}

    found = {name: tuple(tensor.shape) for name, tensor in named_tensors(nest, "x")}

    assert found == {
        "x.batch.inputs": (2, 4),
        "x.batch.targets": (2, 1),
        "x.pair.left": (1,),
        "x.pair.right": (2,),
        "x.list.0": (3,),
    }
