"""
A surrogate layer between ordinary Torch modules
================================================

Means of binary weights trained on the embedded digits, and what the network of their signs is worth.
"""

import torch
from sklearn.datasets import load_digits

import meanbits as mb

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images / 8 - 1, dtype=torch.float32)
y = torch.tensor(labels)
model = torch.nn.Sequential(
    mb.BinaryLinear(64, 128, "deterministic", phi="tanh", gain=1.5, inputs="real"),
    mb.BinaryLinear(128, 128, "deterministic", phi="tanh", gain=1.5),
    torch.nn.Linear(128, 10),
)
for layer in model[:2]:
    mb.init.critical_(layer.mean, "deterministic", phi="tanh", gain=1.5)
optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
for _step in range(200):
    chosen = torch.randint(len(x), (64,))
    loss = torch.nn.functional.cross_entropy(model(x[chosen]), y[chosen])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    for layer in model[:2]:
        layer.project_()

# %%
# What is left of it:
with torch.no_grad():
    print(f"surrogate: {float((model(x).argmax(1) == y).double().mean()):.3f} of the digits")
