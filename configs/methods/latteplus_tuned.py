# LattePlus, whose image tower then learns what was found: DPA's self-training
# from another start.
_base_ = './dpa.py'
method = [*_base_.method, 'latteplus_tuned']
model = dict(type='mmlatte.LattePlusTunedClassifier')
