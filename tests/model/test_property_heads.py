import math

import torch
from torch.distributions import Laplace

from crystalgen.model.property_heads import PropertyPrediction


def test_the_likelihood_is_that_of_laplace_and_skips_what_is_unknown():
    location = torch.tensor([[0.2, 1.0]], requires_grad=True)
    scale = torch.tensor([[0.5, 2.0]])
    nats, is_known = PropertyPrediction(location, scale).negative_log_likelihood(
        torch.tensor([[-0.4, math.nan]])
    )
    expected = -Laplace(0.2, 0.5).log_prob(torch.tensor(-0.4))
    torch.testing.assert_close(nats, torch.stack([expected, torch.tensor(0.0)])[None])
    assert is_known.tolist() == [[True, False]]
    nats.sum().backward()
    assert location.grad is not None
    assert location.grad.isfinite().all()
    assert location.grad[0, 1] == 0
