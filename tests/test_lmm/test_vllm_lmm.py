from importlib.util import find_spec

import pytest

from mmlatte.lmm import LMMUnavailableError
from mmlatte.lmm.vllm_lmm import VLLMLMM


@pytest.mark.skipif(find_spec('vllm') is not None, reason='vllm is here')
def test_without_vllm_there_is_a_way_out():
    lmm = VLLMLMM('org/model')
    assert lmm.slug.startswith('org-model')
    for call in (lmm.check, lambda: next(lmm.generate([]))):
        with pytest.raises(LMMUnavailableError, match='OpenAICompatibleLMM'):
            call()
