# Zero-shot CLIP with sentences that a language model wrote about the classes
# (CuPL): put them at `descriptions`, a JSON of {class name: [sentence, ...]}.
_base_ = ['./zeroshot_vitb32_eurosat.py']
model = dict(descriptions='data/class_descriptions/cupl_eurosat.json')
