# LatteCLIP that trains bottlenecks after the stages of the image tower.
_base_ = ['./latteclip_rsclip_eurosat.py']
model = dict(clip=dict(tuning=dict(type='mmlatte.AdapterTuning', width=64)))
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # new weights, not tuned
