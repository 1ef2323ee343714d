"""Adam over all trainable variables as one vector: Keras's update, in a graph of a few operations.

Keras updates each variable by a dozen operations of its own. EfficientNetB0 has 215 variables, so its first step costs
half of its time again in building and optimising that graph; the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
"""As in keras.optimizers.Adam."""


class Adam:
    """Kingma and Ba 2015 (arXiv 1412.6980), Algorithm 1 in the form at the end of section 2, as Keras has it.

    trainable: Keras variables, float32. variables: learning rate (float32), steps taken (int64), and the two moments,
    float32 (parameters,), in the order of `trainable`.
    """

    def __init__(self, trainable: Sequence[Any], learning_rate: float) -> None:
        import tensorflow as tf

        self.trainable = list(trainable)
        self.sizes = [int(variable.value.shape.num_elements()) for variable in self.trainable]
        self.learning_rate = tf.Variable(learning_rate, dtype=tf.float32, trainable=False)
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.mean = tf.Variable(tf.zeros(sum(self.sizes)), trainable=False)
        self.square = tf.Variable(tf.zeros(sum(self.sizes)), trainable=False)

    @property
    def variables(self) -> list[Any]:
        """What a resumed training needs."""
        return [self.learning_rate, self.steps, self.mean, self.square]

    def apply(self, gradients: Sequence[Any]) -> None:
        """One step. gradients: of the trainable variables, in their order."""
        import tensorflow as tf

        every = tf.concat([tf.reshape(tf.cast(each, tf.float32), [-1]) for each in gradients], 0)
        step = tf.cast(self.steps.assign_add(1), tf.float32)
        rate = self.learning_rate * tf.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
        mean = self.mean.assign_add((every - self.mean) * (1 - BETA_1))
        square = self.square.assign_add((tf.square(every) - self.square) * (1 - BETA_2))
        moves = tf.split(mean * rate / (tf.sqrt(square) + EPSILON), self.sizes)
        for variable, move in zip(self.trainable, moves, strict=True):
            variable.value.assign_sub(tf.reshape(move, variable.shape))
