"""Training labels never influence training."""

import json
import random
import shutil

import pytest
import torch

pytestmark = pytest.mark.stack


def test_shuffled_labels_give_the_same_bits(make_tiny_run, tiny_eurosat):
    shuffled_root = make_tiny_run('shuffled_data').folder / 'eurosat'
    shutil.copytree(tiny_eurosat, shuffled_root)
    path = shuffled_root / 'split_zhou_EuroSAT.json'
    split = json.loads(path.read_text())
    names = {label: name for _, label, name in split['train']}
    entries = split['train'] + split['val']
    labels = [label for _, label, _ in entries]
    before = list(labels)
    random.Random(0).shuffle(labels)
    assert labels != before
    for entry in entries:
        entry[1] = labels.pop(0)
        entry[2] = names[entry[1]]
    path.write_text(json.dumps(split))

    states, summaries = [], []
    for name, root in (('true', tiny_eurosat), ('shuffled', shuffled_root)):
        run = make_tiny_run(name, root)
        run.tool('train.py')
        checkpoint = torch.load(
            run.work_dir / 'epoch_2.pth', weights_only=True
        )
        states.append(checkpoint['state_dict'])
        summaries.append(run.summary)
    true, shuffled = states
    assert true.keys() == shuffled.keys()
    for key, value in true.items():
        assert torch.equal(value, shuffled[key]), key
    assert summaries[0]['top1'] == summaries[1]['top1']
