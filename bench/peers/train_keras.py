"""Keras' fit() on the networks of train_tarn.

    train_keras.py --model=kerascnn --threads=1 --steps=40 --warmup=8
"""
from train_common import Steps, batches, parse

options = parse()
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)
layers = tf.keras.layers
MODELS = {
    "softmax": ([layers.Dense(10)], tf.keras.optimizers.SGD(0.5)),
    "deepmnist": ([layers.Reshape((28, 28, 1)), layers.Conv2D(32, 5, padding="same", activation="relu"), layers.MaxPool2D(2),
                   layers.Conv2D(64, 5, padding="same", activation="relu"), layers.MaxPool2D(2), layers.Flatten(),
                   layers.Dense(1024, activation="relu"), layers.Dropout(0.5), layers.Dense(10)],
                  tf.keras.optimizers.Adam(1e-4)),
    "kerascnn": ([layers.Reshape((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"),
                  layers.Conv2D(64, 3, activation="relu"), layers.MaxPool2D(2), layers.Dropout(0.25), layers.Flatten(),
                  layers.Dense(128, activation="relu"), layers.Dropout(0.5), layers.Dense(10)],
                 tf.keras.optimizers.Adam(1e-3)),
}
stack, optimizer = MODELS[options.model]
model = tf.keras.Sequential([layers.Input((784,))] + stack)
model.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
all_batches = list(batches(np, options))
x = np.concatenate([batch[0] for batch in all_batches])
y = np.concatenate([batch[1] for batch in all_batches])
steps = Steps(options, "keras-fit")


class Tick(tf.keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        steps.tick()


model.fit(x, y, batch_size=options.batch, shuffle=False, verbose=0, callbacks=[Tick()])
steps.report()
