# The public names of the package, each with its place. Type checkers read this file, and so does the package when a
# name is first used: a name is public if and only if it stands here.
from landscape_dist import errors as errors
from landscape_dist import problems as problems
from landscape_dist import spaces as spaces
from landscape_dist import surrogates as surrogates
from landscape_dist.campaign.campaign import explore as explore
from landscape_dist.campaign.certifying import certify as certify
from landscape_dist.campaign.landscape import Landscape as Landscape
from landscape_dist.campaign.proving import prove as prove
from landscape_dist.correction.correct import correct as correct
from landscape_dist.distribute.clusters.place import Cluster as Cluster
from landscape_dist.distribute.clusters.place import Local as Local
from landscape_dist.distribute.clusters.place import Scheduler as Scheduler
from landscape_dist.distribute.clusters.place import Serial as Serial
from landscape_dist.exploration.settings import ExploreSettings as ExploreSettings
from landscape_dist.hisd.settings import SolverSettings as SolverSettings
from landscape_dist.problems import systems as systems
from landscape_dist.records import Connection as Connection
from landscape_dist.records import SearchStatus as SearchStatus
from landscape_dist.records import StationaryPoint as StationaryPoint
from landscape_dist.spaces.flat import Torus as Torus
from landscape_dist.spaces.group import Group as Group
from landscape_dist.spaces.judgement import SameOrbit as SameOrbit
from landscape_dist.spaces.signed_permutations import SignedPermutations as SignedPermutations
from landscape_dist.spaces.space import Space as Space
from landscape_dist.spaces.symmetry import PeriodicCoordinates as PeriodicCoordinates
from landscape_dist.spaces.symmetry import Permutations as Permutations
from landscape_dist.spaces.symmetry import SignFlips as SignFlips
from landscape_dist.spaces.symmetry import UpTo as UpTo
from landscape_dist.spaces.translations import Translations as Translations
from landscape_dist.store.settings import Lease as Lease

# To type checkers a name imported under another one is private; an assignment is not.
from landscape_dist.campaign.opening import open_landscape

open = open_landscape

__version__: str
