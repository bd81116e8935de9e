import os

from mmlatte.lmm import TextFile, store_folder


def test_processes_of_one_id_do_not_share_a_temporary_file(
    tmp_path, monkeypatch
):
    """Containers on two machines: one works while the other renames."""
    lmm = TextFile('texts.jsonl')
    replace, renamed = os.replace, []

    def late(source, target):
        renamed.append(source)
        if len(renamed) == 1:
            store_folder(tmp_path / 'store', tmp_path, lmm)
        replace(source, target)

    monkeypatch.setattr(os, 'replace', late)
    folder = store_folder(tmp_path / 'store', tmp_path, lmm)
    assert len(set(renamed)) == 2
    files = [p.name for p in folder.parent.iterdir() if p.is_file()]
    assert files == ['data_root.json']
