"""What the tools say without doing anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from mmlatte import command_line
from mmlatte.apis.adapt.methods import METHODS
from mmlatte.apis.export import FORMATS
from mmlatte.apis.export.annotations import ANNOTATION_FORMATS
from mmlatte.datasets.prepare import SOURCES

TOOLS = sorted((Path(__file__).parents[1] / 'tools').rglob('[a-z]*.py'))
#: Prints what an argument error or --help has loaded.
CODE = """
import runpy, sys
sys.argv = [{path!r}, {option!r}]
try:
    runpy.run_path({path!r}, run_name='__main__')
except SystemExit as error:
    names = ('torch', 'matplotlib', 'mmpretrain', 'transformers', 'mmcv')
    print(error.code, [name for name in names if name in sys.modules])
"""


@pytest.mark.parametrize('option', ['--help', '--no-such-option'])
@pytest.mark.parametrize(
    'tool', [t for t in TOOLS if 'argparse' in t.read_text()]
)
def test_arguments_are_answered_before_heavy_imports(tool, option):
    done = subprocess.run(
        [sys.executable, '-c', CODE.format(path=str(tool), option=option)],
        capture_output=True,
        text=True,
        check=True,
    )
    code = 0 if option == '--help' else 2
    assert done.stdout.splitlines()[-1] == f'{code} []'


def test_what_can_be_chosen_is_what_there_is():
    assert [*command_line.ADAPT_METHODS] == [*METHODS]
    assert command_line.DEFAULT_METHOD in METHODS
    assert METHODS[command_line.ANSWERS_METHOD].takes_answers
    assert [*command_line.EXPORT_FORMATS] == [*FORMATS]
    assert [*command_line.ANNOTATION_FORMATS] == [*ANNOTATION_FORMATS]
    assert command_line.data_sets() == sorted(SOURCES)
