import csv
import os
import statistics

import pytest

from mmlatte.visualization.comparison import (
    MethodResult,
    RunResult,
    write_comparison,
)


def run(seed, top1, name='FLYP', start=40.0, **facts):
    method = dict(name=name, transductive=False, teacher=False, uses_lmm=False)
    return RunResult(
        seed,
        dict(
            top1=top1,
            zero_shot_top1=start,
            train_seconds=10.0,
            wall_seconds=20.0,
            peak_memory_mb=1000.0,
            trained_parameters=12345,
            per_class={'sea': top1 + 1, 'a<b': top1 - 1, 'none': None},
            method={**method, **facts},
        ),
    )


@pytest.fixture
def results():
    return [
        MethodResult('zero-shot', [run(0, 42.0, 'ZeroShotCLIP', None)]),
        MethodResult('flyp', [run(s, v) for s, v in enumerate((44, 45, 49))]),
        MethodResult('trans', [run(0, 50.0, transductive=True, teacher=True)]),
        MethodResult('broken', [RunResult(0, None, 'ValueError: <no> | way')]),
    ]


def cells(line):
    return [cell.strip() for cell in line.strip('|').split(' | ')]


def test_markdown_holds_means_deviations_gains_and_marks(results, tmp_path):
    lines = write_comparison(results, tmp_path, 'python x').splitlines()
    rows = {cells(line)[0]: cells(line) for line in lines if '|' in line}
    deviation = statistics.stdev((44, 45, 49))
    assert rows['flyp'][2] == f'46.00 ± {deviation:.2f}'
    assert rows['flyp'][3] == '+4.00'  # from the zero-shot row, not from 40
    assert rows['flyp'][4:] == [
        '40.00', '10.0', '20', '1000', '12,345', '3',
    ]  # fmt: skip
    assert rows['zero-shot'][1:5] == ['', '42.00', '+0.00', '']
    assert rows['trans'][1] == 'TS'
    assert rows['broken'][-1] == '0 of 1'
    assert rows['sea'] == ['sea', '43.0', '47.0', '51.0', '']
    assert 'none' not in rows
    text = '\n'.join(lines)
    assert 'broken, seed 0 failed: ValueError: <no> | way' in text
    assert 'T: transductive' in text and 'L: ' not in text


def test_gain_without_a_zero_shot_row_counts_from_the_start(results, tmp_path):
    text = write_comparison(results[1:2], tmp_path, 'python x')
    assert '+6.00' in text


def test_a_second_encoder_is_marked(tmp_path):
    seen = run(0, 60.0)
    seen.summary['second_encoder'] = 'dinov2'
    text = write_comparison([MethodResult('both', [seen])], tmp_path, 'x')
    assert '| both | E | 60.00 |' in text and 'E: sees images' in text


def test_language_model_texts_are_no_plain_zero_shot(tmp_path):
    helped = run(0, 60.0, 'ZeroShotCLIP', None, uses_lmm=True)
    plain = run(0, 50.0, 'ZeroShotCLIP', None)
    results = [MethodResult('cupl', [helped]), MethodResult('zs', [plain])]
    text = write_comparison(results, tmp_path, 'python x')
    assert '| cupl | L | 60.00 | +10.00 |' in text


def test_csv_holds_every_run_unrounded(results, tmp_path):
    write_comparison(results, tmp_path, 'python x')
    with (tmp_path / 'comparison.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r['top1']) for r in rows[1:4]] == [44, 45, 49]
    assert rows[2]['class: a<b'] == '44'
    assert rows[-1]['error'] == 'ValueError: <no> | way'


def test_html_is_escaped_and_loads_nothing(results, tmp_path):
    write_comparison(results, tmp_path, 'python x')
    page = (tmp_path / 'comparison.html').read_text()
    assert '&lt;no&gt;' in page and '<no>' not in page
    assert 'a&lt;b' in page and '@BODY@' not in page
    assert 'http' not in page.replace('http-equiv', '')


@pytest.mark.parametrize(
    ('names', 'heads'),
    [
        (('dpa_clip_set', 'latte_lora_clip_set'), ('dpa', 'latte_lora')),
        (('dpa_clip_a', 'dpa_clip_b'), ('dpa_clip_a', 'dpa_clip_b')),
        (('clip_set', 'set'), ('clip_set', 'set')),
        (('dpa_clip_set',), ('dpa_clip_set',)),
    ],
)
def test_heads_of_classes_leave_out_what_all_names_end_with(
    names, heads, tmp_path
):
    results = [MethodResult(name, [run(0, 50.0)]) for name in names]
    text = write_comparison(results, tmp_path, 'python x')
    assert '| class | ' + ' | '.join(heads) + ' |' in text


def test_names_that_are_no_utf8(tmp_path):
    error = f'no file {os.fsdecode(b"Stra" + bytes([0xDF]) + b"e.jpg")}'
    results = [MethodResult('flyp', [RunResult(0, None, error)])]
    write_comparison(results, tmp_path / 'new', 'python x')
    for suffix in ('md', 'csv', 'html'):
        path = tmp_path / 'new' / f'comparison.{suffix}'
        assert 'Stra?e.jpg' in path.read_text(encoding='utf-8')
