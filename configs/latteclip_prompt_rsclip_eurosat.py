# LatteCLIP that trains the words before the class name (CoOp). The image
# tower stays frozen: class texts move towards the images.
_base_ = ['./latteclip_rsclip_eurosat.py']
model = dict(
    clip=dict(tuning=dict(type='mmlatte.PromptTuning', context='a photo of a'))
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))  # as published for CoOp
