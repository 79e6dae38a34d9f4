"""PyTorch, eager, on the networks of train_tarn.

    train_torch.py --model=softmax --threads=1
"""
from train_common import Steps, batches, parse

options = parse()
import numpy as np
import torch
from torch import nn

torch.set_num_threads(options.threads)


def deepmnist():
    network = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                            nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                            nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10))
    return network, torch.optim.Adam(network.parameters(), 1e-4)


def kerascnn():
    network = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(),
                            nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(12 * 12 * 64, 128), nn.ReLU(),
                            nn.Dropout(0.5), nn.Linear(128, 10))
    return network, torch.optim.Adam(network.parameters(), 1e-3)


def softmax():
    network = nn.Linear(784, 10)
    return network, torch.optim.SGD(network.parameters(), 0.5)


network, optimizer = {"softmax": softmax, "deepmnist": deepmnist, "kerascnn": kerascnn}[options.model]()
network.train()
all_batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches(np, options)]
steps = Steps(options, "torch")
for x, y in all_batches:
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    optimizer.step()
    steps.tick()
steps.report()
