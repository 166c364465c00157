"""The networks of `programs/networks.py` in PyTorch, each as () -> results, NumPy arrays given."""

import numpy as np


def _leaves(torch, arrays):
    return [torch.from_numpy(np.array(a)).requires_grad_() for a in arrays]


def recurrent(kind, data):
    """Loss of a sequence's last state and gradient, by torch.nn.LSTM or torch.nn.GRU."""
    import torch

    weights, x, target = data
    (length, batch, inputs), hidden = x.shape, target.shape[1]
    del length, batch
    cell = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](inputs, hidden)
    x, target = torch.from_numpy(x), torch.from_numpy(target)
    cell = cell.to(x.dtype)
    with torch.no_grad():
        cell.weight_ih_l0.copy_(torch.from_numpy(weights["input"].T))
        cell.weight_hh_l0.copy_(torch.from_numpy(weights["state"].T))
        cell.bias_ih_l0.copy_(torch.from_numpy(weights["bias"]))
        cell.bias_hh_l0.zero_()
    leaves = list(cell.parameters())

    def call():
        loss = torch.mean((cell(x)[0][-1] - target) ** 2)
        return loss, torch.autograd.grad(loss, leaves)

    return call


def training(optimizer, steps, data):
    """Steps of training a perceptron, by torch.optim."""
    import torch

    layers, x, y = data
    weights = _leaves(torch, [a for layer in layers for a in layer])
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    rule = kind(weights, lr=1e-3)

    def call():
        loss = None
        for _ in range(steps):
            z = x
            for matrix, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
                z = torch.tanh(torch.addmm(bias, z, matrix))
            loss = torch.mean((torch.addmm(weights[-1], z, weights[-2]) - y) ** 2)
            rule.zero_grad()
            loss.backward()
            rule.step()
        return loss

    return call


def transformer(heads, data):
    """Value and gradient of a block, with PyTorch's own attention and norms."""
    import torch
    from torch.nn import functional

    weights, x = data
    names = list(weights)
    leaves = _leaves(torch, [*weights.values(), x])

    def call():
        w, x = dict(zip(names, leaves, strict=False)), leaves[-1]
        batch, length, width = x.shape

        def norm(k, x):
            return functional.layer_norm(x, (width,), w["scale"][k], w["shift"][k])

        q, k, v = (part.reshape(batch, length, heads, -1).transpose(1, 2)
                   for part in (norm(0, x) @ w["qkv"]).split(width, -1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = x + mixed.transpose(1, 2).reshape(x.shape) @ w["mix"]
        up = functional.gelu(norm(1, y) @ w["up"] + w["lift"], approximate="tanh")
        loss = torch.mean((y + up @ w["down"]) ** 2)
        return loss, torch.autograd.grad(loss, leaves)

    return call


def batch_norm(matrix, x):
    """Value and gradient of a layer with batch norm and relu."""
    import torch
    from torch.nn import functional

    width = matrix.shape[1]
    leaves = _leaves(torch, [matrix, np.ones(width, x.dtype), np.zeros(width, x.dtype), x])

    def call():
        matrix, scale, shift, x = leaves
        y = functional.relu(functional.batch_norm(
            x @ matrix, None, None, scale, shift, training=True))
        loss = torch.mean(y * y)
        return loss, torch.autograd.grad(loss, leaves)

    return call


def embedding(table, count):
    """Value and gradient of a table of vectors of which some are looked up."""
    import torch
    from torch.nn import functional

    (leaf,) = _leaves(torch, [table])
    places = torch.from_numpy(np.random.default_rng(2).integers(0, len(table), count))

    def call():
        loss = torch.mean(torch.tanh(functional.embedding(places, leaf)) ** 2)
        return loss, torch.autograd.grad(loss, [leaf])

    return call
