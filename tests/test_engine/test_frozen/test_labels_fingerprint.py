from mmlatte.engine.frozen.labels_fingerprint import labels_fingerprint


def fingerprint(clip='clip', **other):
    facts = dict(
        class_names=['sea', 'forest'],
        templates=['a photo of a {}.'],
        descriptions=None,
    )
    return labels_fingerprint(clip, **{**facts, **other})


def test_all_that_decides_the_labels_counts(tmp_path):
    described = {'sea': ['blue'], 'forest': ['green', 'trees']}
    seen = [
        fingerprint(),
        fingerprint('another clip'),
        fingerprint(templates=['a picture of a {}.']),
        fingerprint(templates=['a photo of a {}.', 'a {}.']),
        fingerprint(class_names=['sea', 'forest', 'river']),
        fingerprint(class_names=['lake', 'forest']),
        fingerprint(descriptions=described),
        fingerprint(descriptions={**described, 'sea': ['waves']}),
    ]
    assert len(set(seen)) == len(seen)


def test_what_does_not_decide_them_does_not_count(tmp_path):
    assert fingerprint() == fingerprint(class_names=['forest', 'sea'])
    described = {'sea': ['blue'], 'forest': ['green']}
    file = tmp_path / 'descriptions.json'
    file.write_text('{"Forest": ["green"], "sea": ["blue"], "x": ["y"]}')
    same = {
        fingerprint(descriptions=described),
        fingerprint(descriptions=described, templates=['a {}.']),
        fingerprint(descriptions=str(file)),
    }
    assert len(same) == 1
