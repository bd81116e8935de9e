"""Stand-ins for an LMM behind the OpenAI protocol."""

import base64
import http.server
import io
import json
import math
import re
import threading
import time
from collections import Counter

from PIL import Image


class LMMServer(http.server.ThreadingHTTPServer):
    """Answers about the first pixel of a picture; runs in a thread."""

    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_address[1]}/v1'

    def handle_error(self, request, client_address):
        """A client that was killed, or went away, is part of the game."""

    def answer(self, handler, body, pixel):
        """Answer a request.

        Args:
            handler (Handler): Sends the reply.
            body (dict): Of the request.
            pixel (tuple): Red, green and blue.
        """
        raise NotImplementedError


class Handler(http.server.BaseHTTPRequestHandler):
    """Reads requests and writes replies."""

    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(200, {'object': 'list', 'data': []})

    def do_POST(self):
        length = int(self.headers['content-length'])
        body = json.loads(self.rfile.read(length))
        url = body['messages'][0]['content'][0]['image_url']['url']
        data = base64.b64decode(url.partition(',')[2])
        pixel = Image.open(io.BytesIO(data)).convert('RGB').getpixel((0, 0))
        self.server.answer(self, body, pixel)

    def say(self, text, ended='stop', tokens=None, logprobs=None, **more):
        message = {'role': 'assistant', 'content': text, **more}
        choice = {'index': 0, 'message': message, 'finish_reason': ended}
        if logprobs is not None:
            choice['logprobs'] = logprobs
        reply = {'id': 'x', 'object': 'y', 'choices': [choice]}
        if tokens is not None:
            reply['usage'] = {'prompt_tokens': tokens}
        self.reply(200, reply)

    def reply(self, status, content, cut=0, **headers):
        data = json.dumps(content).encode()
        data = data[: len(data) - cut]
        self.send_response(status)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(data)


class ChoiceServer(LMMServer):
    """Answers a closed question by the red of the picture: it knows all.

    Args:
        names (list[str]): Name of every value of red.
        has (str): ``'logprobs'``, ``'schema'``, ``'text'`` (refuses the other
            two) or ``'nothing'`` (takes no notice of them).
        seconds (float): Time for an answer.
    """

    def __init__(self, names, has='logprobs', seconds=0.0):
        super().__init__()
        self.names, self.has, self.seconds = names, has, seconds
        self.asked = []
        self.refused = 0

    def answer(self, handler, body, pixel):
        red, green, blue = pixel
        wants = {'logprobs': 'logprobs', 'response_format': 'schema'}
        for field, way in wants.items():
            if field in body and self.has not in (way, 'nothing'):
                with self.lock:
                    self.refused += 1
                problem = {'error': {'message': f'no {field}'}}
                return handler.reply(422, problem)
        time.sleep(self.seconds)
        text = body['messages'][0]['content'][1]['text']
        listed = dict(re.findall(r'^([A-T])\. ([^:\n]+)', text, re.M))
        if listed:
            with self.lock:
                self.asked.append(green + 256 * blue)
        right = [x for x, n in listed.items() if n == self.names[red]]
        letter = right[0] if right else 'A'
        if self.has == 'logprobs':
            other = next((x for x in listed if x != letter), 'B')
            logprobs = {'content': [_first_token(letter, other)]}
            return handler.say(f' {letter}', logprobs=logprobs)
        if self.has == 'schema' and 'response_format' in body:
            schema = body['response_format']['json_schema']['schema']
            assert letter in schema['properties']['answer']['enum']
            return handler.say(json.dumps({'answer': letter}))
        return handler.say(f'The answer is {letter}.')


def _first_token(letter, other):
    top = [(letter, 0.6), (f' {letter}', 0.1), (other, 0.2), ('I', 0.1)]
    tokens = [
        {'token': token, 'logprob': math.log(share), 'bytes': None}
        for token, share in top
    ]
    return {**tokens[0], 'top_logprobs': tokens}


class HostileServer(LMMServer):
    """Describes a picture by its red; some values of red are traps.

    Args:
        traps (dict, optional): Red, or ``'all'`` -> what to do with a
            handler, and the number of times that this red came.
    """

    def __init__(self, traps=None):
        super().__init__()
        self.traps = traps or {}
        self.seen = Counter()
        self.bodies = []
        self.keys = set()
        self.now = self.most = 0

    def answer(self, handler, body, pixel):
        red = pixel[0]
        with self.lock:
            self.seen[red] += 1
            self.bodies.append(body)
            self.keys.add(handler.headers['authorization'])
            self.now += 1
            self.most = max(self.most, self.now)
            times = self.seen[red]
        try:
            trap = self.traps.get(red) or self.traps.get('all')
            if trap is None:
                handler.say(f'a river number {red}')
            else:
                trap(handler, times)
        finally:
            with self.lock:
                self.now -= 1
