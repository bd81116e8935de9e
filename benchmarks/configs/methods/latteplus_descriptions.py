# The same from sentences of an LLM about the classes of EuroSAT.
_base_ = '../../../configs/methods/latteplus.py'
method = [*_base_.method, 'latteplus_descriptions']
model = dict(
    descriptions='{{$MMLATTE_TEST_ASSETS:assets}}'
    '/data/class_descriptions/gpt4o_eurosat.json'
)
