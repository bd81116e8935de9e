"""The page of questions on this machine, with every answer on disk at once."""

import io
import json
import secrets
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from mmlatte.datasets.answers import NONE, SKIP, AnswersFile
from mmlatte.datasets.answers.answer import WITHDRAWN
from mmlatte.datasets.answers.class_spelling import ClassSpelling
from mmlatte.visualization import Question, question_page

__all__ = ['AnswerServer']

#: Longer side of a picture in pixels; bytes of a request; letters of a name.
SIDE, MAX_BODY, MAX_NAME = 1024, 4096, 200
#: Of a number in a request.
MAX_DIGITS = 9


class AnswerServer:
    """Serve `question_page` on loopback until it is closed.

    Only this machine reaches it: it is bound to 127.0.0.1, its address holds
    a random token, and requests whose Host or Origin is another one are
    refused. Pictures are asked for by number, never by a path. An answer is
    on disk (`AnswersFile`) before the page confirms it: killing the server
    loses nothing, and started again it shows what was answered.

    Args:
        questions (Sequence[Question]): In the order of asking.
        class_names (Sequence[str]): All classes.
        file (AnswersFile): Takes the answers; its writer is this server.
        load (Callable): Sample -> its image.
        given (dict[str, str]): Answers of before: sample id -> class name,
            ``NONE`` or ``SKIP``.
        on_answer (Callable, optional): Gets all answers of the session (with
            ``given``) after each one; what it returns is shown as the
            estimate of accuracy. Runs one at a time, and may take a second.
        title (str): Heading of the page.
        command (str): How to go on when all is answered.
        port (int): 0 takes a free one.

    Attributes:
        url (str): Address of the page, with the token.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        class_names: Sequence[str],
        file: AnswersFile,
        load: Callable[[int], Image.Image],
        given: dict[str, str] | None = None,
        on_answer: Callable[[dict[str, str]], str] | None = None,
        title: str = 'What do these images show?',
        command: str = '',
        port: int = 0,
    ) -> None:
        self.questions = questions
        self.class_names = [*class_names]
        self.file = file
        self.load = load
        self.answers = dict(given or {})
        self.on_answer = on_answer
        self.title = title
        self.command = command
        self.pictures = sorted(
            {i for q in questions for i in (q.index, *q.neighbours)}
        )
        self.token = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        handler = type('Handler', (_Handler,), {'server_state': self})
        self._http = ThreadingHTTPServer(('127.0.0.1', port), handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.hosts = {f'127.0.0.1:{self.port}', f'localhost:{self.port}'}
        self.url = f'http://127.0.0.1:{self.port}/{self.token}/'

    def serve_forever(self) -> None:
        """Answer requests until `close`, or until Ctrl-C."""
        try:
            self._http.serve_forever()
        except KeyboardInterrupt:
            pass

    def close(self) -> None:
        """Stop, and let the port go; the answers file stays open."""
        self._http.shutdown()
        self._http.server_close()

    def page(self) -> str:
        """Return the page with the answers so far."""
        asked = {q.id for q in self.questions}
        with self._lock:
            answers = [
                (image, _as_answer(name))
                for image, name in self.answers.items()
                if image in asked
            ]
        return question_page(
            self.questions,
            self.class_names,
            none=NONE,
            skip=SKIP,
            title=self.title,
            command=self.command,
            answers=answers,
        )

    def picture(self, number: int) -> bytes:
        """Return a picture as JPEG.

        Raises:
            IndexError: If there is no such number.
        """
        if not 0 <= number < len(self.pictures):
            raise IndexError(number)
        image = self.load(self.pictures[number]).convert('RGB')
        image.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        image.save(buffer, 'JPEG', quality=90)
        return buffer.getvalue()

    def take(self, answer: dict) -> dict:
        """Store what the page sent.

        Args:
            answer (dict): ``question`` (its number) and one of ``class``,
                ``none``, ``skip`` and ``undo``.

        Returns:
            dict: ``estimate`` in words, if there is one.

        Raises:
            ValueError: If it is no answer.
        """
        number = answer.get('question')
        if not isinstance(number, int) or not (
            0 <= number < len(self.questions)
        ):
            raise ValueError('there is no such question')
        image = self.questions[number].id
        name = _class_of(answer)
        with self._lock:
            if name is not None:
                name = self._as_spelled(name)
            self.answers.pop(image, None)
            if name is None:
                self.file.withdraw(image)
            else:
                self.file.put(image, name)
                self.answers[image] = name
                if name not in {*self.class_names, NONE, SKIP}:
                    self.class_names.append(name)
            if self.on_answer is None:
                return {}
            return {'estimate': self.on_answer(dict(self.answers))}

    def _as_spelled(self, name: str) -> str:
        """Refuse a new class that readers take for another's misspelling."""
        spelling = ClassSpelling(self.class_names, allow_new=True)
        try:
            return spelling.find(name)
        except LookupError as error:
            raise ValueError(error.args[0]) from None


def _as_answer(name: str) -> dict:
    if name == NONE:
        return {'none': True}
    return {'skip': True} if name == SKIP else {'class': name}


def _class_of(answer: dict) -> str | None:
    """Class name, ``NONE``, ``SKIP``, or None to take an answer back."""
    if answer.get('undo') is True:
        return None
    if answer.get('none') is True:
        return NONE
    if answer.get('skip') is True:
        return SKIP
    name = answer.get('class')
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME:
        raise ValueError(f'a class name has 1 to {MAX_NAME} letters')
    name = name.strip()
    if name in (NONE, SKIP, WITHDRAWN) or not name.isprintable():
        raise ValueError(f'{name!r} cannot be a class name')
    return name


class _Handler(BaseHTTPRequestHandler):
    server_state: AnswerServer
    protocol_version = 'HTTP/1.1'
    timeout = 30

    def do_GET(self) -> None:
        path = self._inside()
        if path is None:
            return
        if path == '':
            text = self.server_state.page().encode('utf-8')
            self._reply(HTTPStatus.OK, text, 'text/html; charset=utf-8')
            return
        number = path.removeprefix('image/')
        try:
            if not number.isdecimal() or len(number) > MAX_DIGITS:
                raise IndexError(number)
            picture = self.server_state.picture(int(number))
        except IndexError:
            self._reply(HTTPStatus.NOT_FOUND, b'there is no such picture')
            return
        self._reply(HTTPStatus.OK, picture, 'image/jpeg')

    def do_POST(self) -> None:
        # The body is left unread in a refusal: the connection ends with it.
        self.close_connection = True
        path = self._inside()
        if path is None:
            return
        origin = self.headers.get('Origin', '')
        hosts = self.server_state.hosts
        length = self.headers.get('Content-Length', '')
        kind = self.headers.get_content_type()
        if origin.removeprefix('http://') not in hosts:
            self._reply(HTTPStatus.FORBIDDEN, b'another origin')
        elif path != 'answer':
            self._reply(HTTPStatus.NOT_FOUND, b'nothing is here')
        elif kind != 'application/json':
            self._reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b'JSON is wanted')
        elif (
            not length.isdecimal()
            or len(length) > MAX_DIGITS
            or int(length) > MAX_BODY
        ):
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b'too long')
        else:
            self._take(self.rfile.read(int(length)))

    def _take(self, body: bytes) -> None:
        try:
            answer = json.loads(body)
            if not isinstance(answer, dict):
                raise ValueError('an answer is an object')
            told = self.server_state.take(answer)
        except (ValueError, RecursionError) as error:
            self._reply(HTTPStatus.BAD_REQUEST, str(error).encode())
        except OSError as error:
            text = f'not saved: {error}'.encode()
            self._reply(HTTPStatus.INSUFFICIENT_STORAGE, text)
        else:
            text = json.dumps(told).encode()
            self._reply(HTTPStatus.OK, text, 'application/json')

    def _inside(self) -> str | None:
        """Return the path behind the token; refuse what has none."""
        state = self.server_state
        if self.headers.get('Host') not in state.hosts:
            self._reply(HTTPStatus.FORBIDDEN, b'another host')
            return None
        token, slash, path = self.path.lstrip('/').partition('/')
        given = token.encode('utf-8', 'replace')
        if not slash or not secrets.compare_digest(
            given, state.token.encode()
        ):
            self._reply(HTTPStatus.NOT_FOUND, b'nothing is here')
            return None
        return path

    def _reply(
        self, status: HTTPStatus, body: bytes, kind: str = 'text/plain'
    ) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store')
        self.send_header('Referrer-Policy', 'no-referrer')
        self.send_header('X-Content-Type-Options', 'nosniff')
        if status != HTTPStatus.OK:
            self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Log no request: the terminal belongs to the command."""
