# LatteCLIP that trains the singular values of all matrices (CLIP-SVD).
_base_ = ['./latteclip_rsclip_eurosat.py']
model = dict(clip=dict(tuning=dict(type='mmlatte.SingularValueTuning')))
optim_wrapper = dict(optimizer=dict(lr=5e-4))  # as published for CLIP-SVD
