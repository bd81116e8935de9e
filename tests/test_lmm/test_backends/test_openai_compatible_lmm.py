import base64
import io
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image

from mmlatte.lmm import (
    Answer,
    LMMRequest,
    LMMUnavailableError,
    OpenAICompatibleLMM,
    TextStore,
    missing_texts,
    synthesize,
)
from mmlatte.lmm.backends.data_url import to_data_url
from mmlatte.lmm.backends.load_image import load_image
from mmlatte.lmm.backends.server.api_key import read_key

PROMPT = 'Describe the land use.'


def error(status, **headers):
    content = {'error': {'message': f'status {status}'}}
    return lambda handler, times: handler.reply(status, content, **headers)


def at_first(trap, count=1):
    def act(handler, times):
        if times <= count:
            trap(handler, times)
        else:
            handler.say('better late')

    return act


def hang(handler, times):
    time.sleep(30)


def trickle(handler, times):
    handler.send_response(200)
    handler.send_header('content-length', '100')
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b' ')
        handler.wfile.flush()
        time.sleep(0.2)


def hang_up(handler, times):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def serve(hostile_server):
    return hostile_server


def client(server, **options):
    options = {
        'timeout': 1.5,
        'backoff': 0.05,
        'max_attempts': 3,
        'concurrency': 4,
        **options,
    }
    return OpenAICompatibleLMM('tiny', server.url, **options)


def test_every_image_is_described_or_listed_as_failed(serve, want, store):
    server = serve(
        {
            0: hang,
            1: at_first(error(429, retry_after='1')),
            2: error(500),
            3: at_first(error(503), 2),
            4: lambda h, t: h.reply(200, {'choices': []}, cut=3),
            5: lambda h, t: h.say(''),
            6: lambda h, t: h.say('river ' * 200_000),
            7: at_first(hang_up),
            8: trickle,
            9: lambda h, t: h.say('<script>alert("x")</script>\0\u202e'),
            10: lambda h, t: h.say("I'm sorry, I can't help."),
            11: error(400),
            12: at_first(lambda h, t: h.say(None)),
            13: lambda h, t: h.reply(200, {'choices': []}),
        }
    )
    wanted = want(40, group_prompt=None)
    numbers, _ = missing_texts(wanted, store)
    began = time.monotonic()
    counts = synthesize(wanted, numbers, client(server), store)
    assert time.monotonic() - began < 30
    assert counts.made + counts.failed == 40
    records = {int(r.sample_id[:-4]): r for r in store.records()}
    assert set(records) == set(range(40))
    reasons = {n: r.reason for n, r in records.items() if r.status != 'ok'}
    assert set(reasons) == {0, 2, 4, 5, 6, 8, 10, 11, 13}
    assert reasons[0] == reasons[8] == 'no answer within 1.5 s'
    assert 'status 500' in reasons[2] and 'status 400' in reasons[11]
    assert reasons[5] == 'empty' and reasons[10] == 'refusal'
    assert reasons[6] == 'repetition loop'
    assert records[1].text == records[3].text == 'better late'
    assert records[9].text == 'alert("x") \u202e'.strip()
    assert records[20].text == 'a river number 20'
    assert server.seen[2] == 3 and server.seen[11] == 1


def test_a_dead_server_stops_the_run_and_a_rerun_goes_on(serve, want, store):
    server = serve()
    asked = threading.Event()

    def die(handler, times):
        asked.set()
        hang_up(handler, times)

    server.traps['all'] = lambda h, t: (
        die(h, t) if len(server.bodies) > 10 else h.say('a river')
    )
    wanted = want(30, group_prompt=None)

    def close_when_asked():
        asked.wait(30)
        server.shutdown()
        server.socket.close()

    threading.Thread(target=close_when_asked).start()
    with pytest.raises(LMMUnavailableError, match='start the run again'):
        numbers, _ = missing_texts(wanted, store)
        synthesize(wanted, numbers, client(server), store)
    store.close()
    again = TextStore(store.folder)
    assert len(again) == 10
    numbers, found = missing_texts(wanted, again)
    assert (len(numbers), found.failed) == (20, 0)
    assert synthesize(wanted, numbers, client(serve()), again).made == 20


def test_a_server_that_only_fails_stops_the_run(serve, want, store):
    server = serve({'all': error(500)})
    wanted = want(200, group_prompt=None)
    with pytest.raises(LMMUnavailableError, match='in a row'):
        synthesize(wanted, range(200), client(server), store)
    assert len(list(store.records())) < 25


def test_a_wrong_model_stops_at_once(serve, want, store):
    for status in (401, 403, 404):
        lmm = client(serve({'all': error(status)}))
        with pytest.raises(LMMUnavailableError, match=f'status {status}'):
            lmm.check()
        with pytest.raises(LMMUnavailableError, match='name of a model'):
            synthesize(want(5), range(10), lmm, store)
    assert not list(store.records())


def test_check_names_a_server_that_is_not_there():
    lmm = OpenAICompatibleLMM('m', 'http://127.0.0.1:9/v1', timeout=2)
    with pytest.raises(LMMUnavailableError, match=r'127\.0\.0\.1:9'):
        lmm.check()


def test_check_accepts_a_server_and_a_rate_limit(serve):
    client(serve()).check()
    client(serve({'all': error(429)})).check()


def test_rate_limits_do_not_count_as_tries(serve, want, store):
    server = serve({'all': at_first(error(429), 6)})
    lmm = client(server, max_attempts=2)
    counts = synthesize(want(3, group_prompt=None), range(3), lmm, store)
    assert counts.made == 3


def test_a_spent_quota_stops_the_run_and_is_no_images_fault(
    serve, want, store
):
    server = serve({1: error(429)})
    wanted = want(4, group_prompt=None)
    lmm = client(server, patience=0.5)
    with pytest.raises(LMMUnavailableError, match=r'0\.5 s .*429'):
        synthesize(wanted, range(4), lmm, store)
    assert all(record.status == 'ok' for record in store.records())
    server.traps.clear()
    numbers, found = missing_texts(wanted, store)
    assert 1 in numbers and found.failed == 0
    assert synthesize(wanted, numbers, lmm, store).failed == 0


def test_the_key_comes_from_the_environment_and_stays_there(
    serve, want, store, monkeypatch
):
    lmm = client(serve(), api_key_env='MMLATTE_TEST_KEY')
    with pytest.raises(LMMUnavailableError, match='MMLATTE_TEST_KEY'):
        lmm.check()
    monkeypatch.setenv('MMLATTE_TEST_KEY', 'sk-secret-7')
    leaking = {'error': {'message': 'wrong key sk-secret-7'}}
    server = serve({1: lambda h, t: h.reply(400, leaking)})
    lmm = client(server, api_key_env='MMLATTE_TEST_KEY')
    synthesize(want(3, group_prompt=None), range(3), lmm, store)
    assert server.keys == {'Bearer sk-secret-7'}
    store.close()
    for path in store.folder.iterdir():
        assert b'sk-secret' not in path.read_bytes()
    [failed] = [r for r in store.records() if r.status != 'ok']
    assert 'wrong key ***' in failed.reason
    server = serve({'all': lambda h, t: h.reply(401, leaking)})
    with pytest.raises(LMMUnavailableError) as raised:
        client(server, api_key_env='MMLATTE_TEST_KEY').check()
    assert 'sk-secret' not in str(raised.value)


def test_a_key_for_any_address(serve, monkeypatch):
    monkeypatch.setenv('OPENAI_API_KEY', 'sk-of-openai')
    server = serve()
    client(server).check()
    assert server.keys == {'Bearer none'}, 'a key for another address'
    monkeypatch.setenv('MMLATTE_API_KEY', 'sk-mine')
    client(server).check()
    assert server.keys == {'Bearer none', 'Bearer sk-mine'}
    assert read_key(None, 'https://api.openai.com/v1') == 'sk-mine'
    monkeypatch.delenv('MMLATTE_API_KEY')
    assert read_key(None, 'https://api.openai.com/v1') == 'sk-of-openai'


def test_content_in_parts_is_joined(serve, want, store):
    parts = [
        {'type': 'thinking', 'thinking': [{'type': 'text', 'text': 'Hm.'}]},
        {'type': 'text', 'text': 'a river '},
        {'type': 'text', 'text': 'in a forest'},
    ]
    lmm = client(serve({'all': lambda h, t: h.say(parts)}))
    lmm.check()
    wanted = want(2, group_prompt=None)
    assert synthesize(wanted, range(2), lmm, store).made == 2
    texts = {record.text for record in store.records()}
    assert texts == {'a river in a forest'}


@pytest.mark.parametrize(
    'say',
    [
        lambda h, t: h.say('', 'length', reasoning='The image'),
        lambda h, t: h.say(None, 'length', reasoning_content='The image'),
        lambda h, t: h.say('<think>The image shows', 'length'),
        lambda h, t: h.say([{'type': 'thinking', 'thinking': 'x'}], 'length'),
    ],
)
def test_a_thinking_model_is_seen_by_the_check(serve, want, store, say):
    server = serve({'all': say})
    with pytest.raises(LMMUnavailableError) as raised:
        client(server).check()
    assert "finish_reason 'length'" in str(raised.value)
    assert 'raise lmm.max_new_tokens' in str(raised.value) or (
        'empty' in str(raised.value)
    )
    # A run that starts without the check stops early as well.
    with pytest.raises(LMMUnavailableError, match='first 20 answers'):
        synthesize(want(200), range(400), client(server), store)
    assert not list(store.records())
    assert len(server.bodies) < 40


def test_thoughts_before_a_text_do_no_harm(serve):
    thought = '<think>The image</think> a river'
    client(serve({'all': lambda h, t: h.say(thought)})).check()
    both = lambda h, t: h.say('a river', reasoning='The image')  # noqa: E731
    client(serve({'all': both})).check()


def test_a_useless_lmm_stops_the_run_with_its_own_words(serve, want, store):
    server = serve({'all': lambda h, t: h.say("I'm sorry, I cannot see.")})
    with pytest.raises(LMMUnavailableError, match='sorry, I cannot see'):
        synthesize(want(200), range(400), client(server), store)
    assert not list(store.records())
    # One good text among the first: the others are failures of their images.
    server.traps.clear()
    server.traps |= {n: error(400) for n in range(5, 30)}
    lmm = client(server, concurrency=1)
    wanted = want(30, group_prompt=None)
    with pytest.raises(LMMUnavailableError, match=r'in a row .*status 400'):
        synthesize(wanted, range(30), lmm, store)
    assert {record.status for record in store.records()} == {'ok', 'failed'}


def refuses(names, status=400):
    """A server that knows some fields only, and names one it refuses."""

    def act(handler, times):
        sent = handler.server.bodies[-1]
        for name, refused in names.items():
            if name in sent and refused(sent[name]):
                message = f"Unsupported value: '{name}' is {sent[name]}."
                content = {'error': {'message': message, 'param': name}}
                return handler.reply(status, content)
        return handler.say('a river')

    return act


@pytest.mark.parametrize('status', [400, 422])
def test_a_field_that_a_server_refuses_is_left_out(
    serve, want, store, monkeypatch, status
):
    said = []
    monkeypatch.setattr(
        'mmlatte.lmm.backends.server.request_body.print_log',
        lambda text, *_, **__: said.append(text),
    )
    trap = refuses(
        {
            'max_tokens': lambda _: True,
            'temperature': lambda value: value == 0,
            'seed': lambda _: True,
        },
        status,
    )
    server = serve({'all': trap})
    lmm = client(server, concurrency=1)
    lmm.check()
    assert [
        {'max_tokens', 'temperature', 'seed'} & {*body}
        for body in server.bodies
    ] == [
        {'max_tokens', 'temperature', 'seed'},
        {'temperature', 'seed'},
        {'seed'},
        set(),
    ]
    assert server.bodies[-1]['max_completion_tokens'] == 77
    # Remembered: every text costs one request from here on.
    counts = synthesize(want(9, group_prompt=None), range(9), lmm, store)
    assert counts.made == 9 and len(server.bodies) == 4 + 9
    for name in ('max_tokens', 'temperature', 'seed'):
        assert sum(f'the server refuses {name}, ' in line for line in said)
    assert len(said) == 3 and 'is 77' in said[0]


def test_a_refusal_that_goes_on_is_shown(serve):
    names = ('max_tokens', 'max_completion_tokens')
    server = serve({'all': refuses(dict.fromkeys(names, bool))})
    with pytest.raises(LMMUnavailableError, match='max_completion_tokens'):
        client(server).check()
    assert len(server.bodies) == 2
    with pytest.raises(LMMUnavailableError, match='status 400'):
        client(serve({'all': error(400)})).check()


def test_requests_under_way_learn_of_a_refused_field(serve, want, store):
    def named(handler, times):
        body = 'seed' in handler.server.bodies[-1]
        time.sleep(0.1)
        message = {'error': {'message': 'unknown field seed'}}
        return handler.reply(400, message) if body else handler.say('a river')

    server = serve({'all': named})
    lmm = client(server, concurrency=8, timeout=10)
    counts = synthesize(want(16, group_prompt=None), range(16), lmm, store)
    assert (counts.made, counts.failed) == (16, 0)


def test_a_server_counts_the_tokens_of_a_question(serve):
    image = Image.new('RGB', (8, 8))
    server = serve({'all': lambda h, t: h.say('x', tokens=345)})
    count = client(server).question_tokens(image, PROMPT)
    assert (count.visual, count.total) == (None, 345)
    assert client(serve()).question_tokens(image, PROMPT) is None
    odd = {'all': lambda h, t: h.say('x', tokens='many')}
    assert client(serve(odd)).question_tokens(image, PROMPT) is None


def test_tokens_are_counted_as_texts_are_asked_for(serve, monkeypatch):
    image = Image.new('RGB', (8, 8))
    busy = client(serve({'all': error(429)}))
    assert busy.question_tokens(image, PROMPT) is None
    refusing = refuses({'seed': lambda _: True})

    def trap(handler, times):
        if 'seed' in handler.server.bodies[-1]:
            return refusing(handler, times)
        return handler.say('x', tokens=345)

    count = client(serve({'all': trap})).question_tokens(image, PROMPT)
    assert count.total == 345
    monkeypatch.setenv('MMLATTE_API_KEY', 'sk-secret-7')
    leaking = {'error': {'message': 'wrong key sk-secret-7'}}
    wrong = client(serve({'all': lambda h, t: h.reply(401, leaking)}))
    with pytest.raises(LMMUnavailableError, match=r'wrong key \*\*\*'):
        wrong.question_tokens(image, PROMPT)


def test_small_images_are_enlarged_before_they_are_sent(serve):
    def sizes(**options):
        server = serve()
        small = LMMRequest('a', 'image', 'p', lambda: Image.new('L', (64, 32)))
        list(client(server, **options).generate([small]))
        [body] = server.bodies
        url = body['messages'][0]['content'][0]['image_url']['url']
        data = base64.b64decode(url.partition(',')[2])
        return Image.open(io.BytesIO(data)).size

    assert sizes() == (475, 238)
    assert sizes(picture=dict(min_pixels=1)) == (64, 32)
    with pytest.raises(ValueError, match='mm_processor_kwargs'):
        OpenAICompatibleLMM('m', 'http://x', picture=dict(split='never'))


def test_stopping_early_stops_the_requests(serve):
    server = serve({'all': lambda h, t: (time.sleep(0.05), h.say('x'))})
    requests = [
        LMMRequest(str(i), 'image', 'p', lambda: Image.new('RGB', (8, 8)))
        for i in range(500)
    ]
    answers = client(server).generate(requests)
    first = next(answers)
    assert isinstance(first[0], Answer)
    answers.close()
    count = len(server.bodies)
    time.sleep(0.3)
    assert len(server.bodies) == count < 100
    assert server.most == 4


def test_what_is_sent(serve):
    server = serve()
    lmm = client(
        server, max_tokens_key='max_completion_tokens', extra={'top_k': 3}
    )
    image = Image.new('RGB', (8, 8))
    request = LMMRequest('a', 'image', PROMPT, lambda: image)
    list(lmm.generate([request]))
    list(lmm.generate([request], seed=5))
    greedy, sampled = server.bodies
    assert greedy['temperature'] == 0 and sampled['temperature'] == 0.7
    assert sampled['seed'] == 5
    assert greedy['max_completion_tokens'] == 77 and greedy['top_k'] == 3
    assert greedy['messages'][0]['content'][1]['text'] == PROMPT


def test_data_urls_are_bounded():
    noise = np.random.default_rng(0).integers(0, 256, (600, 500, 3))
    image = Image.fromarray(noise.astype(np.uint8))
    url = to_data_url(image)
    assert url.startswith('data:image/png;base64,')
    decoded = base64.b64decode(url.partition(',')[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(decoded))), noise)
    url = to_data_url(image, max_bytes=50_000)
    assert url.startswith('data:image/jpeg;base64,')
    decoded = base64.b64decode(url.partition(',')[2])
    assert len(decoded) <= 50_000
    assert Image.open(io.BytesIO(decoded)).size in {(250, 300), (125, 150)}


@pytest.fixture(scope='module')
def transformers_serve(assets, tmp_path_factory):
    """A real server: ``transformers serve`` with the small LLaVA."""
    model = assets / 'models' / 'tiny-llava-rsicd'
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp('serve') / 'log').open('w+')
    command = [sys.executable, '-m', 'transformers.cli.transformers', 'serve']
    command += [str(model), '--host', '127.0.0.1', '--port', str(port)]
    process = subprocess.Popen(
        [*command, '--device', 'cpu', '--dtype', 'float32'],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, 'HF_HUB_OFFLINE': '1'},
    )
    url = f'http://127.0.0.1:{port}'
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f'{url}/health', timeout=5).read()
                break
            except OSError:
                if process.poll() is not None:
                    log.seek(0)
                    pytest.fail(f'transformers serve: {log.read()[-3000:]}')
                time.sleep(0.5)
        yield str(model), f'{url}/v1'
    finally:
        process.terminate()
        process.wait(30)


def test_a_real_server_writes_what_transformers_writes(
    transformers_serve, llava, eurosat_images
):
    model, url = transformers_serve
    lmm = OpenAICompatibleLMM(model, url, concurrency=2)
    lmm.check()
    requests = [
        LMMRequest(p.name, 'image', PROMPT, lambda p=p: load_image(p), i)
        for i, p in enumerate(eurosat_images[::4])
    ]

    def texts(backend):
        answers = [a for b in backend.generate(requests) for a in b]
        assert not any(a.error for a in answers)
        return {a.request.tag: a.text.strip() for a in answers}

    assert texts(lmm) == texts(llava)
    wrong = OpenAICompatibleLMM('no-such-model', url, timeout=60)
    with pytest.raises(LMMUnavailableError, match='no-such-model'):
        wrong.check()
