import json
import os

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from mmlatte.apis import synthesize_texts
from mmlatte.apis.pages.text_gallery import make_text_gallery
from mmlatte.datasets.transforms import LoadTexts
from mmlatte.engine.hooks import LMMTextSynthHook
from mmlatte.lmm import (
    ClosedOptions,
    ClosedTask,
    LMMUnavailableError,
    TextFile,
    TextRecord,
    TextStore,
)


@pytest.fixture
def texts(tmp_path, tiny_eurosat):
    """A JSONL file with texts for all but one training image."""
    split = json.loads((tiny_eurosat / 'split_zhou_EuroSAT.json').read_text())
    path = tmp_path / 'texts.jsonl'
    with path.open('w') as file:
        for name, *_ in (split['train'] + split['val'])[1:]:
            for kind in ('image', 'group'):
                line = dict(sample_id=name, kind=kind, text=f'{kind} {name}')
                file.write(json.dumps(line) + '\n')
    return path


@pytest.fixture
def config(make_config, eval_pipeline, texts, tmp_path):
    """Factory of a run that trains on the texts of the file."""

    def make(work_dir='run', **options):
        hook = dict(
            type='mmlatte.LMMTextSynthHook',
            lmm=dict(type='mmlatte.TextFile', path=str(texts)),
            store_dir=str(tmp_path / 'texts'),
            image_prompt='Describe.',
            group_prompt='Describe all.',
        )
        hook.update(options)
        cfg = make_config(work_dir)
        cfg.custom_hooks.append(hook)
        cfg.custom_hooks.append(
            dict(
                type='mmlatte.ZeroShotLabelHook',
                cache_dir=str(tmp_path / 'cache'),
                pipeline=eval_pipeline,
                num_workers=0,
            )
        )
        cfg.model.texts = ['class', 'image', 'group']
        pipeline = cfg.train_dataloader.dataset.pipeline
        pipeline[-2] = dict(type='mmlatte.LoadTexts')
        pipeline[-1]['algorithm_keys'] = (
            'zero_shot_label',
            'image_text',
            'image_tokens',
            'group_text',
            'group_tokens',
        )
        return cfg

    return make


def hook_of(runner) -> LMMTextSynthHook:
    [hook] = [h for h in runner.hooks if isinstance(h, LMMTextSynthHook)]
    return hook


def source_of(runner):
    transforms = runner.train_dataloader.dataset.pipeline.transforms
    [transform] = [t for t in transforms if isinstance(t, LoadTexts)]
    return transform._source


def test_training_sees_the_texts_and_a_second_run_makes_none(
    config, train, tmp_path
):
    runner = train(config())
    counts = hook_of(runner).counts
    assert (counts['made'], counts['reused'], counts['failed']) == (28, 0, 2)
    dataset = runner.train_dataloader.dataset
    source = source_of(runner)
    class_texts = runner.model.class_texts()
    labels = source.labels
    replaced = 0
    for index in range(15):
        name = dataset.get_data_info(index)['sample_id']
        sample = dataset[index]['data_samples']
        assert sample.zero_shot_label == labels[index]
        if sample.image_text == class_texts[labels[index]]:
            replaced += 1
        else:
            assert sample.image_text == f'image {name}'
        group = sample.group_text.removeprefix('group ')
        if group != class_texts[labels[index]]:
            [anchor] = [
                i
                for i in range(15)
                if dataset.get_data_info(i)['sample_id'] == group
            ]
            assert labels[anchor] == labels[index]
    assert replaced == 1
    [folder] = (tmp_path / 'texts').glob('text-file-*')
    assert [p.suffix for p in folder.iterdir()] == ['.db']

    runner = train(config('again'))
    counts = hook_of(runner).counts
    assert (counts['made'], counts['reused'], counts['failed']) == (0, 28, 2)


def test_a_budget_describes_typical_images(config, train, tmp_path):
    runner = train(config(budget=6))
    hook = hook_of(runner)
    counts = hook.counts
    assert counts['made'] + counts['failed'] == 12
    assert counts['described'] == 6
    source = source_of(runner)
    # Fifteen images read the texts of six at most.
    assert source.image_rows.shape == (1, 15)
    assert 2 <= len(np.unique(source.image_rows)) <= 6
    page = tmp_path / 'page.html'
    untrained = Runner.from_cfg(config('gallery', budget=6))
    make_text_gallery(untrained, page)
    assert '6 of 15 are described' in page.read_text()
    again = hook_of(train(config('again', budget=0.4))).counts
    assert again['described'] == 6
    assert (again['made'], again['reused']) == (0, counts['made'])


def test_the_gallery_shows_whole_prompts_and_only_what_is_asked_here(
    config, train, tmp_path
):
    prompts = dict(image_prompt='It\nis.', group_prompt='They\nare.')
    store = TextStore(hook_of(train(config(**prompts))).store_folder())
    record = next(store.records('image'))
    task = ClosedTask(['desert', 'town'], ClosedOptions())
    answer = json.dumps({'answer': 'desert', 'way': 'text'})
    key = task.key('Which?')
    with store:
        store.put([TextRecord('1', 'choice', key, answer, image=record.image)])
    page = tmp_path / 'page.html'
    make_text_gallery(Runner.from_cfg(config('gallery', **prompts)), page)
    text = page.read_text()
    assert r'It\nis.' in text and r'They\nare.' in text
    assert 'desert' not in text


def test_without_a_budget_all_is_as_it_was(config, train):
    plain = train(config())
    for budget in ('all', 1.0, 15, 99):
        runner = train(config(f'run-{budget}', budget=budget))
        assert 'described' not in hook_of(runner).counts
        for name in ('image_rows', 'group_rows'):
            rows = [getattr(source_of(r), name) for r in (plain, runner)]
            assert np.array_equal(*rows)
        for key, value in plain.model.state_dict().items():
            assert torch.equal(value, runner.model.state_dict()[key]), key


def test_a_wrong_lmm_stops_the_run_before_the_zero_shot_pass(config, tmp_path):
    lmm = dict(type='mmlatte.TransformersLMM', model=str(tmp_path / 'none'))
    runner = Runner.from_cfg(config(lmm=lmm))
    with pytest.raises(LMMUnavailableError, match='no folder'):
        runner.train()
    assert not (tmp_path / 'cache').exists()


def test_an_lmm_that_is_gone_stops_a_run_only_if_texts_are_missing(
    config, train, monkeypatch
):
    def check(self):
        raise LMMUnavailableError('the server is down')

    train(config())
    monkeypatch.setattr(TextFile, 'check', check)
    assert hook_of(train(config('again'))).counts['reused'] == 28
    report = synthesize_texts(Runner.from_cfg(config('job')))
    assert (report.counts.reused, report.todo) == (28, 0)
    other = config('other', image_prompt='What else?')
    with pytest.raises(LMMUnavailableError, match='15 texts are missing'):
        train(other)
    other = config('other_job', image_prompt='What else?')
    with pytest.raises(LMMUnavailableError, match='server is down'):
        synthesize_texts(Runner.from_cfg(other))


def test_groups_of_other_labels_get_texts_of_their_own(config, train):
    """Image texts stay: they do not depend on what the classes are called."""

    def counts(work_dir, **model):
        cfg = config(work_dir)
        cfg.model.update(model)
        found = hook_of(train(cfg)).counts
        return found['made'], found['reused'], found['failed']

    assert counts('first') == (28, 0, 2)
    assert counts('other', templates='a satellite image of {}.') == (14, 14, 2)
    assert counts('other_again', templates='a satellite image of {}.') == (
        (0, 28, 2)
    )
    assert counts('back') == (0, 28, 2)


def test_without_prompts_there_are_labels_only(config, train, tmp_path):
    lmm = dict(type='mmlatte.TransformersLMM', model='not/needed')
    cfg = config(lmm=lmm, image_prompt=None, group_prompt=None)
    cfg.model.texts = ['class']
    runner = train(cfg)
    assert hook_of(runner).counts['made'] == 0
    sample = runner.train_dataloader.dataset[0]['data_samples']
    assert 'image_text' not in sample and 'group_text' not in sample
    assert not (tmp_path / 'texts').exists()


def test_only_one_kind(config, train):
    cfg = config(image_prompt=['One?', 'Two?'], group_prompt=None)
    cfg.model.texts = ['class', 'image']
    runner = train(cfg)
    counts = hook_of(runner).counts
    assert (counts['made'], counts['failed']) == (28, 2)
    assert source_of(runner).image_rows.shape == (2, 15)


def test_the_hook_says_what_is_missing(config):
    cfg = config()
    cfg.custom_hooks.pop()
    with pytest.raises(ValueError, match='ZeroShotLabelHook'):
        Runner.from_cfg(cfg).train()
    cfg = config('no_transform')
    cfg.train_dataloader.dataset.pipeline.pop(-2)
    with pytest.raises(RuntimeError, match='LoadTexts'):
        Runner.from_cfg(cfg).train()


def test_iter_based_loops_with_workers_are_refused(config):
    cfg = config()
    cfg.train_cfg = dict(
        type='IterBasedTrainLoop', max_iters=2, val_interval=2
    )
    cfg.train_dataloader.num_workers = 1
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler')
    with pytest.raises(RuntimeError, match='EpochBasedTrainLoop'):
        Runner.from_cfg(cfg).train()


def join(rank, world, port, cfg) -> Runner:
    """Be one of several ranks, on the CPU."""
    os.environ.update(
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        RANK=str(rank),
        WORLD_SIZE=str(world),
        LOCAL_RANK=str(rank),
    )
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', rank=rank, world_size=world)
    cfg.launcher = 'pytorch'
    cfg.model_wrapper_cfg = dict(
        type='mmlatte.DistributedMethod',
        device_ids=None,
        broadcast_buffers=False,
    )
    return Runner.from_cfg(cfg)


def rank_main(rank, world, port, cfg, folder):
    """A rank that trains."""
    runner = join(rank, world, port, cfg)
    runner.train()
    source = source_of(runner)
    np.savez(
        folder / f'{rank}.npz',
        image=source.image_rows,
        group=source.group_rows,
    )
    counts = json.dumps(hook_of(runner).counts)
    (folder / f'{rank}.json').write_text(counts)
    torch.distributed.destroy_process_group()


def test_ranks_share_the_missing_texts(config, train, tmp_path):
    cfg = config()
    torch.multiprocessing.start_processes(
        rank_main,
        (2, free_port(), cfg, tmp_path),
        nprocs=2,
        start_method='fork',
    )
    counts = [json.loads((tmp_path / f'{r}.json').read_text()) for r in (0, 1)]
    assert counts[0] == counts[1]
    assert (counts[0]['made'], counts[0]['failed']) == (28, 2)
    ranks = [np.load(tmp_path / f'{r}.npz') for r in (0, 1)]
    for kind in ('image', 'group'):
        assert (ranks[0][kind] == ranks[1][kind]).all()
    [folder] = (tmp_path / 'texts').glob('text-file-*')
    # Merged, and nothing else is left behind.
    assert [p.suffix for p in folder.iterdir()] == ['.db']
    assert len(TextStore(folder)) == 28
    alone = train(config('alone'))
    assert (source_of(alone).image_rows == ranks[0]['image']).all()
    assert hook_of(alone).counts['made'] == 0


def job_main(rank, world, port, cfg, folder):
    """A rank that makes texts only."""
    report = synthesize_texts(join(rank, world, port, cfg))
    (folder / f'{rank}.json').write_text(json.dumps(report.todo))
    torch.distributed.destroy_process_group()


def test_a_dry_run_counts_tokens(config, assets):
    model = str(assets / 'models' / 'tiny-llava-rsicd')
    lmm = dict(type='mmlatte.TransformersLMM', model=model)
    runner = Runner.from_cfg(config(lmm=lmm, budget=4))
    report = synthesize_texts(runner, dry_run=True)
    assert report.todo == 8 and {*report.tokens} == {'image', 'group'}
    assert 'a question about one group, 16 of them visual' in str(report)


def test_ranks_share_a_job_without_training(config, tmp_path):
    torch.multiprocessing.start_processes(
        job_main,
        (2, free_port(), config(), tmp_path),
        nprocs=2,
        start_method='fork',
    )
    todo = [json.loads((tmp_path / f'{r}.json').read_text()) for r in (0, 1)]
    assert todo == [15, 15]
    [folder] = (tmp_path / 'texts').glob('text-file-*')
    assert len(TextStore(folder)) == 28


def free_port() -> int:
    import socket

    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]
