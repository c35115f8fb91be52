"""The autoencoder in TensorFlow; in and out as in embedding.py, which lies beside this file."""

from __future__ import annotations

import argparse
import sys

import numpy as np
import tensorflow as tf
from embedding import Autoencoder, main


def fit(train: np.ndarray, arguments: argparse.Namespace) -> Autoencoder:
    """Trained on all rows at once; the same seed gives the same weights on the same machine."""
    tf.config.threading.set_intra_op_parallelism_threads(1)  # so small a network waits for its threads
    tf.config.threading.set_inter_op_parallelism_threads(1)  # longer than it computes
    tf.keras.utils.set_random_seed(arguments.seed)
    tf.config.experimental.enable_op_determinism()
    features = train.shape[1]
    layers = tf.keras.layers
    encoder = tf.keras.Sequential(
        [layers.Input((features,)), layers.Dense(arguments.hidden, "tanh"), layers.Dense(arguments.width)]
    )
    decoder = tf.keras.Sequential(
        [layers.Input((arguments.width,)), layers.Dense(arguments.hidden, "tanh"), layers.Dense(features)]
    )
    rows = tf.constant(train)
    optimiser = tf.keras.optimizers.Adam(arguments.learning_rate)
    variables = [*encoder.trainable_variables, *decoder.trainable_variables]

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(tf.square(decoder(encoder(rows)) - rows))
        optimiser.apply_gradients(zip(tape.gradient(error, variables), variables, strict=True))
        return error

    for epoch in range(1, arguments.epochs + 1):
        error = step()
        if epoch % 100 == 0:
            print(f"epoch {epoch}: train error {float(error):.4f}", flush=True)
    weights = {
        f"{number}.{part}": value
        for number, layer in enumerate(encoder.layers)
        for part, value in zip(("weight", "bias"), layer.get_weights(), strict=True)
    }
    return Autoencoder(
        f"TensorFlow {tf.__version__}",
        lambda values: encoder(tf.constant(values)).numpy(),
        lambda values: decoder(tf.constant(values)).numpy(),
        weights,
    )


if __name__ == "__main__":
    sys.exit(main(fit))
