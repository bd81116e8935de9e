"""How a model picks one of several names: by likelihood, or in words.

`BaseLMM` needs modules of this folder, and others need `BaseLMM`: nothing is
imported here.
"""
