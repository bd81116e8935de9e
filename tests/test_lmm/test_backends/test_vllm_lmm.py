from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from mmlatte.lmm import LMMUnavailableError
from mmlatte.lmm.backends.vllm_lmm import VLLMLMM


@pytest.mark.skipif(find_spec('vllm') is not None, reason='vllm is here')
def test_without_vllm_there_is_a_way_out():
    lmm = VLLMLMM('org/model')
    assert lmm.slug.startswith('org-model')
    for call in (lmm.check, lambda: next(lmm.generate([]))):
        with pytest.raises(LMMUnavailableError, match='OpenAICompatibleLMM'):
            call()


def test_several_ranks_are_refused(monkeypatch):
    monkeypatch.setattr(
        'mmlatte.lmm.backends.vllm_lmm.get_world_size', lambda: 2
    )
    with pytest.raises(LMMUnavailableError, match='--num-shards'):
        VLLMLMM('org/model').check()


def test_a_closed_engine_is_shut_down():
    ended = []
    core = SimpleNamespace(shutdown=lambda: ended.append('core'))
    lmm = VLLMLMM('org/model')
    lmm.close()  # nothing to do
    lmm._llm = SimpleNamespace(llm_engine=SimpleNamespace(engine_core=core))
    lmm.close()
    assert ended == ['core'] and lmm._llm is None
