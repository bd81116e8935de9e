"""The text of a config is made once, and is mmengine's."""

from mmengine.config import Config

import mmlatte.compat


def test_a_text_is_made_once_for_the_same_content(monkeypatch):
    cfg = Config(dict(model=dict(type='A', layers=[1, 2]), epochs=2))
    plain = Config.pretty_text.fget.__wrapped__
    wanted = plain(cfg)
    assert cfg.pretty_text == wanted
    made = []
    # Where mmengine finds it differs between the two stacks.
    for module in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
        monkeypatch.setattr(
            f'{module}.FormatCode',
            lambda text, **style: made.append(text) or (text, True),
            raising=False,
        )
    assert cfg.pretty_text == wanted
    assert Config(cfg.to_dict()).pretty_text == wanted
    assert not made
    cfg.model.layers.append(3)
    assert '3' in cfg.pretty_text and cfg.pretty_text != wanted


def test_applying_twice_wraps_once():
    before = Config.pretty_text
    mmlatte.compat.format_configs_once()
    assert Config.pretty_text is before
