# Zero-shot scores of the small CLIP with LLM sentences about the classes.
_base_ = ['./zeroshot_rsclip_eurosat.py']
model = dict(
    descriptions='{{$MMLATTE_TEST_ASSETS:assets}}'
    '/data/class_descriptions/gpt4o_eurosat.json'
)
