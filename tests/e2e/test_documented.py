"""Every command and example of README, docs and tables works."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from PIL import Image

from mmlatte.lmm import LMMRequest
from mmlatte.registry import LMMS

REPO = Path(__file__).resolve().parents[2]
PAGES = [
    REPO / 'README.md',
    *sorted((REPO / 'docs').glob('*.md')),
    *sorted((REPO / 'benchmarks').glob('*.md')),
]
#: Words of the documentation that stand for something of the user's.
WORDS = {
    'CONFIG': 'configs/latteclip_vitb32_eurosat.py',
    'CHECKPOINT': 'epoch_15.pth',
    'STORE': 'data/mmlatte_cache',
}


def commands() -> list[str]:
    """Calls of tools and benchmarks, in code blocks and in backticks."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding='utf-8').replace('\\\n', ' ')
        found += re.findall(
            r'python ((?:tools|benchmarks)/[\w/]+\.py[^`\n#]*)', text
        )
    return sorted(set(found))


class Parsed(Exception):
    """The arguments were accepted."""


@pytest.mark.parametrize('command', commands())
def test_the_tool_takes_the_arguments(command, monkeypatch):
    tool, *arguments = shlex.split(command.split(' && ')[0])
    if not arguments:
        pytest.skip('named only')
    arguments = [WORDS.get(word, word) for word in arguments]

    def accepted(self, args=None, namespace=None):
        original(self, args, namespace)
        raise Parsed

    import argparse

    original = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', accepted)
    monkeypatch.setattr(sys, 'argv', [tool, *arguments])
    monkeypatch.chdir(REPO)
    with pytest.raises(Parsed):
        runpy.run_path(str(REPO / tool), run_name='__main__')


def test_the_example_of_a_backend_runs():
    text = (REPO / 'docs' / 'extending.md').read_text(encoding='utf-8')
    (code,) = re.findall(r'```python\n(# my_lmm.py.*?)```', text, re.S)
    exec(compile(code, 'my_lmm.py', 'exec'), {'__name__': 'my_lmm'})
    lmm = LMMS.build(dict(type='BrightnessLMM'))
    request = LMMRequest(
        '1.png', 'image', 'How bright?', lambda: Image.new('RGB', (9, 9))
    )
    [[answer]] = lmm.generate([request])
    assert answer.text == 'a dark image' and lmm.fingerprint


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r'\]\(([^)#]+)\)', page.read_text()):
            if not link.startswith('http'):
                assert (page.parent / link).exists(), (page.name, link)
