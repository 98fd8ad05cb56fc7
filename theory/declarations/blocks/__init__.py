"""Blocks: what a layer is a chain of, a file each. To add one, write its file and name it in `BLOCKS`."""

from meanbits.theory.declarations.blocks.convolution import Convolution
from meanbits.theory.declarations.blocks.dense import Dense
from meanbits.theory.declarations.blocks.dropout import Dropout
from meanbits.theory.declarations.blocks.flow import Block, Expectations, Factors, Flow, Value
from meanbits.theory.declarations.blocks.neuron import Neuron
from meanbits.theory.declarations.blocks.normalise import Normalise
from meanbits.theory.declarations.blocks.scale import Scale
from meanbits.theory.declarations.blocks.skip import Skip

BLOCKS = (Dense, Convolution, Neuron, Scale, Normalise, Dropout, Skip)
__all__ = ["BLOCKS", "Block", "Convolution", "Dense", "Dropout", "Expectations", "Factors", "Flow", "Neuron",
           "Normalise", "Scale", "Skip", "Value"]  # fmt: skip
