"""Trains the chosen kind of model on everything, and writes it where it is told to."""

import os
import pickle
import sys

from models import MODELS, read

data, kind, out = sys.argv[1:]
os.makedirs(out)
with open(os.path.join(out, "model.pkl"), "wb") as file:
    pickle.dump(MODELS[kind]().fit(*read(data)), file)
