# LattePlus with the small CLIP, from LLM sentences about the classes.
_base_ = ['./latteplus_rsclip_eurosat.py']
model = dict(
    descriptions='{{$MMLATTE_TEST_ASSETS:assets}}'
    '/data/class_descriptions/gpt4o_eurosat.json'
)
