# NtUA on EuroSAT with the small CLIP of the test assets. There is no larger
# one of its kind: the teacher is the same CLIP, with LLM sentences about the
# classes, so that a gain here is owed to the sentences and to the cache.
_base_ = [
    './_base_/methods/ntua_rsclip.py',
    './_base_/datasets/eurosat_rsclip.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
default_hooks = dict(
    frozen_features=dict(
        teacher=dict(
            clip={{_base_.model.clip}},
            descriptions='{{$MMLATTE_TEST_ASSETS:assets}}'
            '/data/class_descriptions/gpt4o_eurosat.json',
        )
    )
)
