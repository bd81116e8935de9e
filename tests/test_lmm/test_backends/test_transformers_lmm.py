import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from PIL import Image

from mmlatte.lmm import (
    LMMRequest,
    LMMUnavailableError,
    TextStore,
    TransformersLMM,
    load_image,
    missing_texts,
    synthesize,
)
from mmlatte.sample_key import sample_key

PROMPT = 'Describe the land use in the satellite image concisely.'


def requests(paths, prompts=(PROMPT,)):
    return [
        LMMRequest(
            path.name,
            'image',
            prompts[i % len(prompts)],
            lambda path=path: load_image(path),
            i,
        )
        for i, path in enumerate(paths)
    ]


def texts(lmm, asked, **options):
    answers = [a for batch in lmm.generate(asked, **options) for a in batch]
    assert not any(a.error for a in answers)
    found = {a.request.tag: a.text for a in answers}
    assert len(found) == len(answers) == len(asked)
    return [found[i] for i in range(len(asked))]


def test_batched_texts_equal_one_by_one_texts(llava, eurosat_images):
    # Prompts of different length make padding matter.
    asked = requests(eurosat_images, (PROMPT, 'What is it?', 'Describe.'))
    single = TransformersLMM(llava.model, batch_size=1, dtype='float32')
    batched = texts(llava, asked)
    assert batched == texts(single, asked)
    assert len(set(batched)) > 5


def test_texts_equal_those_of_plain_transformers(llava, eurosat_images):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(llava.model)
    processor = AutoProcessor.from_pretrained(llava.model)
    expected = []
    for path in eurosat_images[:5]:
        content = [
            {'type': 'image', 'image': load_image(path)},
            {'type': 'text', 'text': PROMPT},
        ]
        inputs = processor.apply_chat_template(
            [{'role': 'user', 'content': content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors='pt',
        )
        output = model.generate(**inputs, max_new_tokens=77, do_sample=False)
        new = output[0, inputs['input_ids'].shape[1] :]
        expected.append(processor.decode(new, skip_special_tokens=True))
    assert texts(llava, requests(eurosat_images[:5])) == expected


def test_a_second_try_samples_and_leaves_training_random_numbers_alone(
    llava, eurosat_images
):
    asked = requests(eurosat_images[:8])
    state = torch.get_rng_state()
    first = texts(llava, asked, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert first == texts(llava, asked, seed=1)
    assert first != texts(llava, asked)


def test_out_of_memory_halves_the_batch(llava, eurosat_images, monkeypatch):
    lmm = TransformersLMM(llava.model, batch_size=16, dtype='float32')
    lmm._load()
    sizes = []
    generate = lmm._model.generate

    def tight(**inputs):
        sizes.append(len(inputs['input_ids']))
        if sizes[-1] > 5:
            raise torch.OutOfMemoryError('CUDA out of memory')
        return generate(**inputs)

    monkeypatch.setattr(lmm._model, 'generate', tight)
    asked = requests(eurosat_images[:20])
    assert texts(lmm, asked) == texts(llava, asked)
    assert sizes[:3] == [16, 8, 4] and set(sizes[2:]) == {4}
    monkeypatch.setattr(lmm._model, 'generate', lambda **_: tight_always())
    with pytest.raises(LMMUnavailableError, match='one image'):
        texts(lmm, asked)


def tight_always():
    raise torch.OutOfMemoryError('CUDA out of memory')


def test_broken_images_fail_alone(llava, eurosat_images, tmp_path):
    (tmp_path / 'broken.jpg').write_bytes(b'nothing')
    paths = [*eurosat_images[:2], tmp_path / 'broken.jpg']
    answers = [a for b in llava.generate(requests(paths)) for a in b]
    errors = {a.request.sample_id: a.error for a in answers if a.error}
    assert errors == {'broken.jpg': 'image: not an image'}
    assert len(answers) == 3


def test_fingerprint_is_that_of_the_weights_and_parameters(llava, tmp_path):
    folder = tmp_path / 'tiny-llava-rsicd'
    shutil.copytree(llava.model, folder)
    same = TransformersLMM(str(folder), dtype='float32', batch_size=3)
    assert same.fingerprint == llava.fingerprint
    assert same._model is None
    longer = TransformersLMM(str(folder), dtype='float32', max_new_tokens=9)
    assert longer.fingerprint != llava.fingerprint
    weights = folder / 'model.safetensors'
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    changed = TransformersLMM(str(folder), dtype='float32')
    assert changed.fingerprint != llava.fingerprint


def test_models_that_cannot_work_are_refused_early(llava, tmp_path, assets):
    config = json.loads(
        (assets / 'models/tiny-llava-rsicd/config.json').read_text()
    )
    text_only = tmp_path / 'llama'
    text_only.mkdir()
    (text_only / 'config.json').write_text(
        json.dumps(config['text_config'] | {'model_type': 'llama'})
    )
    empty = tmp_path / 'no-weights'
    empty.mkdir()
    (empty / 'config.json').write_text(json.dumps(config))
    for model, message in [
        (assets / 'models' / 'rs-clip', 'cannot get'),
        (text_only, "no image-text model: model type 'llama'"),
        (empty, 'no weights'),
        (tmp_path / 'absent', 'no folder'),
    ]:
        with pytest.raises(LMMUnavailableError, match=message):
            TransformersLMM(str(model)).check()
    llava.check()
    if not torch.cuda.is_available():
        with pytest.raises(LMMUnavailableError, match='CUDA'):
            TransformersLMM(llava.model, load_in_4bit=True).check()


def test_the_check_names_what_a_processor_lacks(llava, tmp_path):
    folder = tmp_path / 'llava'
    shutil.copytree(llava.model, folder)
    path = folder / 'processor_config.json'
    settings = json.loads(path.read_text())
    for name in ('patch_size', 'vision_feature_select_strategy'):
        del settings[name]
    del settings['num_additional_image_tokens']
    path.write_text(json.dumps(settings))
    with pytest.raises(LMMUnavailableError) as raised:
        TransformersLMM(str(folder)).check()
    fix = (
        "patch_size=16, vision_feature_select_strategy='default', "
        'num_additional_image_tokens=1'
    )
    assert f'set lmm.processor=dict({fix})' in str(raised.value)
    # What it says is what is right.
    image = Image.new('RGB', (64, 64))
    given = TransformersLMM(str(folder), processor=eval(f'dict({fix})'))
    count = given.question_tokens(image, PROMPT)
    assert count == llava.question_tokens(image, PROMPT)
    assert given.fingerprint != TransformersLMM(str(folder)).fingerprint


def test_the_check_names_a_package_that_a_processor_needs(
    llava, tmp_path, monkeypatch
):
    folder = tmp_path / 'llava'
    shutil.copytree(llava.model, folder)

    def without(*_, **__):
        raise ImportError(
            'Package `num2words` is required to run SmolVLM processor.'
        )

    monkeypatch.setattr('transformers.AutoProcessor.from_pretrained', without)
    with pytest.raises(LMMUnavailableError, match=r'package .* `num2words`'):
        TransformersLMM(str(folder)).check()


def test_a_hub_model_without_network_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    with pytest.raises(LMMUnavailableError, match='hf download org/absent'):
        TransformersLMM('org/absent').check()


def test_wrong_options():
    with pytest.raises(ValueError, match='batch_size'):
        TransformersLMM('x', batch_size=0)
    with pytest.raises(ValueError, match='dtype'):
        TransformersLMM('x', dtype='int8')


SYNTHESIS = """
import os
import signal
import sys
import time
from pathlib import Path
import numpy as np
from mmlatte.datasets.sample_index import SampleIndex
from mmlatte.lmm import *

# A job in the background of a script ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder, model, *paths = map(Path, sys.argv[1:])
wanted = WantedTexts(
    SampleIndex('/', [path.name for path in paths]),
    np.arange(len(paths), dtype=np.uint64) << np.uint64(8),
    lambda i: load_image(paths[i]),
    np.arange(len(paths)) % 3, ['a', 'b', 'c'],
    ['Describe the land use.'], 'Describe all.')
lmm = TransformersLMM(str(model), batch_size=2, dtype='float32')
with TextStore(folder) as store:
    numbers, found = missing_texts(wanted, store)
    print('missing', len(numbers), flush=True)
    acknowledged = []
    def report(done):
        print('done', done, flush=True)
        acknowledged.append(done)
        if os.environ.get('WAIT_FOR_SIGNAL') and len(acknowledged) == 5:
            time.sleep(60)
    counts = synthesize(
        wanted, numbers, lmm, store,
        report=report)
    print('made', counts.made, flush=True)
"""


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGINT])
def test_a_killed_synthesis_goes_on_where_it_was(
    llava, eurosat_images, want, store, how
):
    # In the order of the index.
    paths = sorted(eurosat_images[:24], key=lambda p: sample_key(p.name))
    command = [sys.executable, '-c', textwrap.dedent(SYNTHESIS)]
    command += [store.folder, llava.model, *paths]
    acknowledged = []
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, 'WAIT_FOR_SIGNAL': '1'},
    )
    for line in process.stdout:
        if line.startswith('done'):
            acknowledged.append(int(line.split()[1]))
        if len(acknowledged) == 5:
            process.send_signal(how)
    assert process.wait() != 0
    before = {r.key: r for r in store.records()}
    assert acknowledged[-1] <= len(before) < 48
    time.sleep(0.01)
    rerun = subprocess.run(command, capture_output=True, text=True)
    lines = rerun.stdout.split()
    missing = int(lines[lines.index('missing') + 1])
    assert missing == 48 - len(before), 'a text was made twice or lost'
    assert int(lines[lines.index('made') + 1]) == missing
    after = list(TextStore(store.folder).records())
    assert len(after) == len({r.key for r in after}) == 48
    for record in after:
        # What was there is untouched, down to the time it was made.
        assert before.get(record.key, record) == record
    wanted = want(
        files=paths,
        labels=[i % 3 for i in range(24)],
        class_names='abc',
        image_prompts=['Describe the land use.'],
    )
    whole = TextStore(store.folder / 'whole')
    numbers, _ = missing_texts(wanted, whole)
    synthesize(wanted, numbers, llava, whole)
    assert {r.key: r.text for r in after} == {
        r.key: r.text for r in whole.records()
    }
