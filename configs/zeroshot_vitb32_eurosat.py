# Zero-shot CLIP on EuroSAT: `python tools/test.py` with this config alone.
_base_ = ['./methods/zeroshot.py', './data/eurosat.py']
model = {{_base_.data.model}}
test_dataloader = {{_base_.data.test_dataloader}}
