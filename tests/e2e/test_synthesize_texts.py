"""Texts as a job of their own, shared by shards; then gallery, training."""

from mmlatte.lmm import TextStore


def store_of(run) -> TextStore:
    [folder] = (run.folder / 'cache').glob('text-file-*')
    return TextStore(folder)


def said(done) -> str:
    [line] = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if 'LMM texts: ' in line and 'store: ' in line
    ]
    return line


def test_shards_share_the_texts_and_training_makes_the_rest(make_tiny_run):
    run = make_tiny_run()
    line = said(run.tool('synthesize_texts.py', '--dry-run'))
    assert '0 made' in line and '30 to make here in about' in line
    assert not [*(run.folder / 'cache').glob('text-file-*')]

    first = ('--num-shards', '2', '--shard-id', '1')
    assert '15 made, 0 reused' in said(run.tool('synthesize_texts.py', *first))
    # The second shard starts late and takes its own half only.
    second = ('--num-shards', '2', '--shard-id', '0', '--limit', '10')
    line = said(run.tool('synthesize_texts.py', *second))
    assert '10 made, 15 reused' in line
    assert len(store_of(run)) == 25

    page = run.folder / 'gallery.html'
    run.tool('visualization/text_gallery.py', '--out', str(page))
    content = page.read_text()
    assert '25 texts' in content and 'an image with number ' in content

    run.tool('train.py')
    texts = run.summary['texts']
    assert (texts['made'], texts['reused']) == (5, 25)
    store = store_of(run)
    assert len(store) == 30
    assert len(list(store.folder.glob('*.db'))) == 1
