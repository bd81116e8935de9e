# GDA that starts from sentences of a language model about the classes.
_base_ = ['./gda_vitb32_eurosat.py']
model = dict(descriptions='data/class_descriptions/cupl_eurosat.json')
