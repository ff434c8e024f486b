"""Lets the examples run from a checkout without installing the client."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "marks" / "python"))
