import http.client
import json
import threading

import pytest
from PIL import Image

from mmlatte.apis.answers import AnswerServer
from mmlatte.datasets.answers import NONE, AnswersFile, read_answers
from mmlatte.visualization import Question

CLASSES = ['forest', 'sea']
IDS = ['a.jpg', 'dir/"b".jpg', 'c.jpg']


@pytest.fixture
def start(tmp_path):
    running = []

    def start(**kwargs):
        file = AnswersFile(tmp_path / 'answers.csv')
        questions = [Question(x, i, 0.5, [0]) for i, x in enumerate(IDS[:2])]
        server = AnswerServer(
            questions,
            CLASSES,
            file,
            lambda i: Image.new('RGB', (9, 9), (i, i, i)),
            **kwargs,
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append((server, file))
        return server

    yield start
    for server, file in running:
        server.close()
        file.close()


def ask(server, method, path='', body=None, token=None, **headers):
    """Send one request; returns status and body."""
    connection = http.client.HTTPConnection('127.0.0.1', server.port)
    own = f'127.0.0.1:{server.port}'
    given = {'Host': own, 'Content-Type': 'application/json'}
    if method == 'POST':
        given['Origin'] = f'http://{own}'
    given.update({k.replace('_', '-'): v for k, v in headers.items()})
    place = f'/{token or server.token}/{path}'
    connection.putrequest(method, place, skip_host=True)
    content = b'' if body is None else json.dumps(body).encode()
    for name, value in given.items():
        connection.putheader(name, value)
    connection.putheader('Content-Length', str(len(content)))
    connection.endheaders(content)
    reply = connection.getresponse()
    return reply.status, reply.read()


def on_disk(tmp_path, **kwargs):
    found = read_answers(tmp_path / 'answers.csv', IDS, CLASSES, **kwargs)
    return {answer.image: answer.class_name for answer in found}


def test_an_answer_is_on_disk_before_the_reply(start, tmp_path):
    server = start()
    reply = ask(server, 'POST', 'answer', {'question': 1, 'class': 'sea'})
    assert reply == (200, b'{}')
    assert on_disk(tmp_path) == {IDS[1]: 'sea'}
    ask(server, 'POST', 'answer', {'question': 1, 'none': True})
    assert on_disk(tmp_path) == {IDS[1]: NONE}
    ask(server, 'POST', 'answer', {'question': 1, 'undo': True})
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize('name', ['Forest', 'SEA ', 'none', '(withdrawn)'])
def test_a_new_class_is_none_in_another_spelling(start, tmp_path, name):
    """Readers would refuse the file, and with it all of its answers."""
    server = start()
    status, text = ask(
        server, 'POST', 'answer', {'question': 0, 'class': name}
    )
    assert status == 400 and name.strip().encode() in text
    assert on_disk(tmp_path) == {}


def test_a_new_class_is_offered_from_then_on(start, tmp_path):
    server = start()
    ask(server, 'POST', 'answer', {'question': 0, 'class': 'harbour'})
    assert b'"classes":["forest","sea","harbour"]' in ask(server, 'GET')[1]
    assert on_disk(tmp_path, allow_new=True) == {IDS[0]: 'harbour'}


def test_what_was_answered_before_is_shown(start):
    server = start(given={IDS[0]: 'sea', IDS[2]: 'forest'})
    page = ask(server, 'GET')[1]
    assert b'"answers":[["a.jpg",{"class":"sea"}]]' in page


def test_the_estimate_hears_every_answer(start):
    heard = []

    def estimate(answers):
        heard.append(answers)
        return f'{len(answers)} answers'

    server = start(on_answer=estimate, given={IDS[2]: 'forest'})
    reply = ask(server, 'POST', 'answer', {'question': 0, 'class': 'sea'})
    assert json.loads(reply[1]) == {'estimate': '2 answers'}
    assert heard == [{IDS[2]: 'forest', IDS[0]: 'sea'}]


def test_pictures_go_by_number(start):
    server = start()
    status, picture = ask(server, 'GET', 'image/1')
    assert status == 200 and picture[:2] == b'\xff\xd8'
    for path in ('image/2', 'image/-1', 'image/a.jpg', 'image/', 'a.jpg'):
        assert ask(server, 'GET', path)[0] == 404


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        ({'Host': 'example.com'}, 403),
        ({'Origin': 'http://example.com'}, 403),
        ({'Origin': 'null'}, 403),
        ({'Content_Type': 'text/plain'}, 415),
        ({'token': 'x' * 32}, 404),
    ],
)
def test_only_the_page_itself_may_answer(start, tmp_path, headers, status):
    server = start()
    body = {'question': 0, 'class': 'sea'}
    assert ask(server, 'POST', 'answer', body, **headers)[0] == status
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize(
    'body',
    [
        [],
        {},
        {'question': 2, 'class': 'sea'},
        {'question': -1, 'class': 'sea'},
        {'question': '0', 'class': 'sea'},
        {'question': 0, 'class': ' '},
        {'question': 0, 'class': 'x' * 201},
        {'question': 0, 'class': 'a\nb'},
        {'question': 0, 'class': NONE},
        {'question': 0, 'class': 5},
    ],
)
def test_what_is_no_answer_is_refused(start, tmp_path, body):
    server = start()
    assert ask(server, 'POST', 'answer', body)[0] == 400
    assert on_disk(tmp_path) == {}


def test_a_long_body_is_refused(start):
    server = start()
    body = {'question': 0, 'class': 'x' * 5000}
    assert ask(server, 'POST', 'answer', body)[0] == 413


def test_it_is_bound_to_loopback(start):
    server = start()
    assert server._http.server_address[0] == '127.0.0.1'
    assert server.url.startswith(f'http://127.0.0.1:{server.port}/')
    assert len(server.token) >= 32


def test_a_second_writer_is_refused(start, tmp_path):
    start()
    with pytest.raises(BlockingIOError, match='another process'):
        AnswersFile(tmp_path / 'answers.csv')


def test_answers_by_keyboard_arrive(start, browser, tmp_path):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    server = start(on_answer=lambda answers: f'{len(answers)} so far')
    browser.get(server.url)
    loaded = 'return document.getElementById("large").naturalWidth'
    assert browser.execute_script(loaded) == 9
    for keys in ('1', '0'):
        ActionChains(browser).send_keys(keys).perform()
    WebDriverWait(browser, 20).until(
        lambda b: b.find_element('id', 'estimate').text == '2 so far'
    )
    assert on_disk(tmp_path) == {IDS[0]: 'forest', IDS[1]: NONE}
    browser.refresh()
    assert browser.find_element('id', 'facts').text == '2 of 2 answered'


def test_the_page_says_when_an_answer_is_not_saved(
    start, browser, monkeypatch
):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    server = start()

    def full(*_):
        raise OSError('the disk is full')

    monkeypatch.setattr(server.file, 'put', full)
    browser.get(server.url)
    ActionChains(browser).send_keys('1').perform()
    WebDriverWait(browser, 20).until(
        lambda b: 'disk is full' in b.find_element('id', 'warning').text
    )


@pytest.mark.parametrize(
    ('length', 'body', 'status'),
    # A digit that is no decimal; and more levels than Python goes down.
    [(b'\xb2', b'', 413), (b'4000', 4000 * b'[', 400)],
)
def test_odd_requests_are_refused_in_words(start, length, body, status):
    server = start()
    assert ask(server, 'GET', 'image/' + 5000 * '9')[0] == 404
    connection = http.client.HTTPConnection('127.0.0.1', server.port)
    connection.putrequest('POST', f'/{server.token}/answer')
    connection.putheader('Origin', f'http://127.0.0.1:{server.port}')
    connection.putheader('Content-Type', 'application/json')
    connection.putheader('Content-Length', length)
    connection.endheaders(body)
    assert connection.getresponse().status == status
