"""The autoencoder in PyTorch; in and out as in embedding.py, which lies beside this file."""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from embedding import Autoencoder, main
from torch import nn


def fit(train: np.ndarray, arguments: argparse.Namespace) -> Autoencoder:
    """Trained on all rows at once; the same seed gives the same weights on the same machine."""
    torch.set_num_threads(1)  # so small a network waits for its threads longer than it computes
    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True)
    features = train.shape[1]
    encoder = nn.Sequential(
        nn.Linear(features, arguments.hidden), nn.Tanh(), nn.Linear(arguments.hidden, arguments.width)
    )
    decoder = nn.Sequential(
        nn.Linear(arguments.width, arguments.hidden), nn.Tanh(), nn.Linear(arguments.hidden, features)
    )
    whole = nn.Sequential(encoder, decoder)
    rows = torch.from_numpy(train)
    optimiser = torch.optim.Adam(whole.parameters(), lr=arguments.learning_rate)
    for epoch in range(1, arguments.epochs + 1):
        optimiser.zero_grad()
        error = nn.functional.mse_loss(whole(rows), rows)
        error.backward()
        optimiser.step()
        if epoch % 100 == 0:
            print(f"epoch {epoch}: train error {error.item():.4f}", flush=True)

    def applied(network: nn.Module, values: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(values)).numpy()

    weights = {name: value.numpy() for name, value in encoder.state_dict().items()}
    return Autoencoder(
        f"PyTorch {torch.__version__}",
        lambda values: applied(encoder, values),
        lambda values: applied(decoder, values),
        weights,
    )


if __name__ == "__main__":
    sys.exit(main(fit))
