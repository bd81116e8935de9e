"""tools/compare.py as a user runs it: real runs of tiny CLIP."""

import csv
from pathlib import Path

COMPARE = Path(__file__).resolve().parents[2] / 'tools' / 'compare.py'

ZERO_SHOT = """
_base_ = ['./gda.py']
model = dict(type='mmlatte.ZeroShotCLIP')
train_dataloader = None
val_dataloader = None
val_evaluator = None
"""
BROKEN = """
_base_ = ['./gda.py']
model = dict(options=dict(iterations=0))
"""


def test_runs_reuses_and_survives_a_failure(make_tiny_run, run_script):
    run = make_tiny_run()
    folder = run.folder
    run.write_fit('gda.py', 'GDAClassifier')
    (folder / 'zero.py').write_text(ZERO_SHOT)
    (folder / 'broken.py').write_text(BROKEN)
    configs = ['zero.py', 'broken.py', 'gda.py']
    options = ['--seeds', '3', '--out', 'out']
    done = run_script(COMPARE, *configs, *options, cwd=folder)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output  # one of them failed
    assert 'broken, seed 3 FAILED: iterations must ' in output, output
    with (folder / 'out' / 'comparison.csv').open() as file:
        rows = {row['method']: row for row in csv.DictReader(file)}
    assert rows['gda']['zero_shot_top1'] == rows['zero']['top1']
    assert rows['gda']['trained_parameters'] == str(3 * 16 + 16 * 17 // 2)
    assert 'iterations must be positive' in rows['broken']['error']
    assert (folder / 'out' / 'comparison.html').stat().st_size > 1000
    markdown = (folder / 'out' / 'comparison.md').read_text()
    assert '| zero |' in markdown and markdown in output

    again = run_script(COMPARE, 'gda.py', 'zero.py', *options, cwd=folder)
    output = again.stdout + again.stderr
    assert again.returncode == 0, output
    assert output.count('(reused)') == 2 and 'Starting' not in output


def test_accuracy_against_the_number_of_answers(make_tiny_run, run_script):
    run = make_tiny_run()
    folder = run.folder
    run.write_fit('gda.py', 'GDAClassifier')
    run.write_fit('answers.py', 'AnswersClassifier')
    (folder / 'zero.py').write_text(ZERO_SHOT)
    done = run_script(
        COMPARE,
        *('zero.py', 'answers.py', '--answers', '0', 'C'),
        *('--seeds', '3', '--out', 'out'),
        cwd=folder,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    with (folder / 'out' / 'comparison.csv').open() as file:
        rows = {row['method']: row for row in csv.DictReader(file)}
    given = {name: row['answers'] for name, row in rows.items()}
    assert given == {
        'zero': '',
        'answers': '0',
        'answers, 3 answers': '3',
        'random images, logistic regression, 3 answers': '3',
        'linear probe, all 15 labels': '15',
    }
    # Every class has a colour of its own.
    assert float(rows['answers, 3 answers']['top1']) > float(
        rows['answers']['top1']
    )
    assert rows['linear probe, all 15 labels']['top1'] == '100.0'
    markdown = (folder / 'out' / 'comparison.md').read_text()
    assert 'Answers and labels are simulated from labels' in markdown
    figure = (folder / 'out' / 'comparison.svg').read_text()
    assert 'prefers-color-scheme' in figure and 'linear probe' in figure
    assert figure in (folder / 'out' / 'comparison.html').read_text()
    run_again = run_script(
        COMPARE,
        *('answers.py', '--answers', 'D', '--out', 'out'),
        cwd=folder,
    )
    assert run_again.returncode == 1
    assert 'give numbers of answers such as 24' in run_again.stderr
