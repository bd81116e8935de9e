# The CLIP of the demo as it is: `python tools/test.py` with this config.
_base_ = ['../methods/zeroshot.py', './openmoji.py']
test_pipeline = {{_base_.data.test_pipeline}}
model = {{_base_.data.model}}
test_dataloader = {{_base_.data.test_dataloader}}
