# LattePlus, tuned, ours: DPA's self-training from the LattePlus fit where that
# can gain; chosen on EuroSAT and UC Merced.
_base_ = './dpa.py'
method = [*_base_.method, 'latteplus_tuned']
model = dict(type='mmlatte.LattePlusTunedClassifier')
