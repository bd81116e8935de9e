# LattePlus, whose image tower then learns what was found: DPA's self-training
# from another start.
_base_ = ['./dpa_vitb32_eurosat.py']
model = dict(type='mmlatte.LattePlusTunedClassifier')
