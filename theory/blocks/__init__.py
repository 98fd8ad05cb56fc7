"""Blocks: what a layer is a chain of, a file each. To add one, write its file and name it in `BLOCKS`."""

from theory.blocks.dense import Dense
from theory.blocks.dropout import Dropout
from theory.blocks.flow import Block, Expectations, Factors, Flow, Value
from theory.blocks.neuron import Neuron
from theory.blocks.normalise import Normalise
from theory.blocks.scale import Scale
from theory.blocks.skip import Skip

BLOCKS = (Dense, Neuron, Scale, Normalise, Dropout, Skip)
__all__ = ["BLOCKS", "Block", "Dense", "Dropout", "Expectations", "Factors", "Flow", "Neuron", "Normalise", "Scale",
           "Skip", "Value"]  # fmt: skip
