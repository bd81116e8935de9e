# NtUA on UC Merced with the small CLIP of the test assets. No LLM sentences
# about these classes are there, so that CLIP is its own teacher: what it gains
# is owed to the cache alone.
_base_ = [
    './_base_/methods/ntua_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
default_hooks = dict(
    frozen_features=dict(teacher=dict(clip={{_base_.model.clip}}))
)
