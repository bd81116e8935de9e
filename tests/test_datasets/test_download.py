"""Downloads from a real server on loopback; hostile and broken archives."""

import hashlib
import os
import re
import stat
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mmlatte.datasets import download as module
from mmlatte.datasets.download import download, extract_zip, only_one

CONTENT = os.urandom(700_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; can break off, ignore ranges, or refuse."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.break_after: list[int] = []
        self.ranges = True
        self.requests: list[str | None] = []
        self.url = f'http://127.0.0.1:{self.server_port}/data/x.zip'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get('Range')
        server.requests.append(wanted)
        if not self.path.endswith('x.zip'):
            return self.send_error(404)
        start = 0
        if wanted and server.ranges:
            start = int(re.fullmatch(r'bytes=(\d+)-', wanted)[1])
            if start >= len(CONTENT):
                return self.send_error(416)
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if server.break_after:
            body = body[: server.break_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module.time, 'sleep', lambda seconds: None)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_right_file(server, tmp_path):
    target = tmp_path / 'new' / 'x.zip'
    download(server.url, target, MD5)
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ['x.zip']


def test_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(RuntimeError, match=f'MD5 is {MD5}, not 0000'):
        download(server.url, tmp_path / 'x.zip', '0000')
    assert os.listdir(tmp_path) == []


def test_interruptions_are_resumed(server, tmp_path):
    server.break_after = [300_000, 250_000]
    download(server.url, tmp_path / 'x.zip', MD5)
    assert (tmp_path / 'x.zip').read_bytes() == CONTENT
    assert server.requests == [None, 'bytes=300000-', 'bytes=550000-']


def test_a_later_run_continues(server, tmp_path):
    server.break_after = [100_000] + [0] * 20
    with pytest.raises(RuntimeError, match='continues it'):
        download(server.url, tmp_path / 'x.zip', MD5)
    assert os.listdir(tmp_path) == ['x.zip.part']
    server.break_after = []
    server.requests.clear()
    download(server.url, tmp_path / 'x.zip', MD5)
    assert server.requests == ['bytes=100000-']
    assert (tmp_path / 'x.zip').read_bytes() == CONTENT


def test_server_without_ranges_starts_again(server, tmp_path):
    server.ranges = False
    (tmp_path / 'x.zip.part').write_bytes(b'old' * 1000)
    download(server.url, tmp_path / 'x.zip', MD5)
    assert (tmp_path / 'x.zip').read_bytes() == CONTENT


def test_complete_part_is_not_fetched_again(server, tmp_path):
    (tmp_path / 'x.zip.part').write_bytes(CONTENT)
    download(server.url, tmp_path / 'x.zip', MD5)
    assert (tmp_path / 'x.zip').read_bytes() == CONTENT


def test_absent_file_and_no_network(server, tmp_path):
    with pytest.raises(RuntimeError, match='404'):
        download(server.url + '.gone', tmp_path / 'x.zip', MD5)
    server.server_close()
    start = time.monotonic()
    with pytest.raises(RuntimeError) as caught:
        download(server.url, tmp_path / 'x.zip', MD5)
    assert server.url in str(caught.value)
    assert f"put it at '{tmp_path / 'x.zip'}'" in str(caught.value)
    assert time.monotonic() - start < 5


def make_zip(path, names, links=()):
    with zipfile.ZipFile(path, 'w') as archive:
        for name in names:
            archive.writestr(name, f'content of {name}')
        for name in links:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, '/etc/passwd')
    return path


def test_extracts_the_folder_asked_for(tmp_path):
    names = ['2750/A/1.jpg', '2750/B/2.jpg', 'readme.txt', '27500/x']
    archive = make_zip(tmp_path / 'x.zip', names)
    # The remains of a killed run do not survive.
    (tmp_path / '.images.extracting' / '2750').mkdir(parents=True)
    (tmp_path / '.images.extracting' / '2750' / 'torn.jpg').touch()
    extract_zip(archive, tmp_path / 'images', '2750')
    found = {
        str(p.relative_to(tmp_path / 'images'))
        for p in (tmp_path / 'images').rglob('*.*')
    }
    assert found == {'A/1.jpg', 'B/2.jpg'}
    assert sorted(os.listdir(tmp_path)) == ['images', 'x.zip']
    text = (tmp_path / 'images' / 'A' / '1.jpg').read_text()
    assert text == 'content of 2750/A/1.jpg'


@pytest.mark.parametrize(
    ('names', 'links'),
    [
        (['2750/../../evil.txt'], []),
        (['/tmp/evil.txt'], []),
        (['..\\evil.txt'], []),
        (['C:\\evil.txt'], []),
        (['C:/evil.txt'], []),
        ([], ['2750/link']),
    ],
)
def test_hostile_archives_are_refused_whole(tmp_path, names, links):
    folder = tmp_path / 'in'
    folder.mkdir()
    archive = make_zip(folder / 'x.zip', ['2750/A/1.jpg', *names], links)
    with pytest.raises(RuntimeError, match='refused'):
        extract_zip(archive, folder / 'images', '2750')
    assert os.listdir(folder) == ['x.zip']
    assert os.listdir(tmp_path) == ['in']


def test_broken_archives(tmp_path):
    archive = make_zip(tmp_path / 'x.zip', ['2750/A/1.jpg'])
    with pytest.raises(RuntimeError, match="no folder 'other/'"):
        extract_zip(archive, tmp_path / 'images', 'other')
    damaged = archive.read_bytes().replace(b'content of', b'CONTENT OF')
    archive.write_bytes(damaged)
    with pytest.raises(RuntimeError, match='no intact ZIP'):
        extract_zip(archive, tmp_path / 'images', '2750')
    archive.write_bytes(damaged[:40])
    with pytest.raises(RuntimeError, match='no intact ZIP'):
        extract_zip(archive, tmp_path / 'images', '2750')
    assert os.listdir(tmp_path) == ['x.zip']


def test_only_one_at_a_time(tmp_path):
    inside = []

    def work(_):
        with only_one(tmp_path, 'job'):
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.02)
            inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(work), range(8)))


@pytest.mark.parametrize('content', [b'<html>Quota</html>', b'\xff\xfe', b''])
def test_a_page_in_place_of_json_is_not_kept(tmp_path, content):
    source, target = tmp_path / 'page', tmp_path / 'new' / 'split.json'
    source.write_bytes(content)
    with pytest.raises(RuntimeError, match='sent no JSON but') as caught:
        download(source.as_uri(), target)
    assert f"put it at '{target}'" in str(caught.value)
    assert os.listdir(target.parent) == []
    source.write_text('{"train": []}')
    download(source.as_uri(), target)
    assert os.listdir(target.parent) == ['split.json']
