"""TensorFlow 1.x sessions (tf.compat.v1) on the networks of train_tarn: feed, forward, backward, update; nothing fetched.

    train_tf.py --model=deepmnist --threads=1 --steps=60 --warmup=10
"""
from train_common import Steps, batches, parse

options = parse()
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def variable(shape, start):
    return tf.Variable(start(shape))


def truncated(shape):
    return tf.truncated_normal(shape, stddev=0.1)


def tenth(shape):
    return tf.constant(0.1, shape=shape)


glorot = tf.glorot_uniform_initializer()


def dense(x, outputs, weights=glorot, biases=tf.zeros):
    inputs = int(x.shape[-1])
    return tf.matmul(x, variable([inputs, outputs], weights)) + variable([outputs], biases)


def convolution(x, size, filters, padding, weights=glorot, biases=tf.zeros):
    kernel = variable([size, size, int(x.shape[-1]), filters], weights)
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, [1, 1, 1, 1], padding), variable([filters], biases)))


def pool(x):
    return tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")


def softmax(x):
    return dense(x, 10)


def deepmnist(x):
    h = pool(convolution(tf.reshape(x, [-1, 28, 28, 1]), 5, 32, "SAME", truncated, tenth))
    h = pool(convolution(h, 5, 64, "SAME", truncated, tenth))
    h = tf.nn.relu(dense(tf.reshape(h, [-1, 7 * 7 * 64]), 1024, truncated, tenth))
    return dense(tf.nn.dropout(h, rate=0.5), 10, truncated, tenth)


def kerascnn(x):
    h = convolution(tf.reshape(x, [-1, 28, 28, 1]), 3, 32, "VALID")
    h = tf.nn.dropout(pool(convolution(h, 3, 64, "VALID")), rate=0.25)
    h = tf.nn.relu(dense(tf.reshape(h, [-1, 12 * 12 * 64]), 128))
    return dense(tf.nn.dropout(h, rate=0.5), 10)


MODELS = {
    "softmax": (softmax, tf.train.GradientDescentOptimizer(0.5)),
    "deepmnist": (deepmnist, tf.train.AdamOptimizer(1e-4)),
    "kerascnn": (kerascnn, tf.train.AdamOptimizer(1e-3)),
}

build, optimizer = MODELS[options.model]
images = tf.placeholder(tf.float32, [None, 784])
labels = tf.placeholder(tf.int64, [None])
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=build(images)))
train = optimizer.minimize(loss)
config = tf.ConfigProto(intra_op_parallelism_threads=options.threads, inter_op_parallelism_threads=options.threads)
with tf.Session(config=config) as session:
    session.run(tf.global_variables_initializer())
    steps = Steps(options, "tf-session")
    for x, y in batches(np, options):
        session.run(train, {images: x, labels: y})
        steps.tick()
    steps.report()
