import re
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / 'examples/latteclip_in_100_lines.py'


def test_the_example_improves_on_zero_shot_and_repeats(run_script):
    runs = [run_script(EXAMPLE) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert runs[0].stdout == runs[1].stdout
    before, after = map(float, re.findall(r'([\d.]+) %', runs[0].stdout))
    assert 50 < before < 90
    assert after > before + 5


def test_the_example_is_as_short_as_its_name_says():
    assert len(EXAMPLE.read_text().splitlines()) <= 100
