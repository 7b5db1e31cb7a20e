"""False certificates in families of many arms, looked at after every unit of each."""

import math

import numpy as np

from parity_eval.stats.boundaries import certification_starts
from parity_eval.stats.checks import FloatArray
from parity_eval.stats.kernel import certify_kernel, log_factors
from parity_eval.stats.multiplicity import FamilyRule, reject
from parity_eval.stats.routing import RoutingRule, route
from simulations.tables import error, table, within, write
