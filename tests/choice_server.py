"""A stand-in for an LMM behind the OpenAI protocol: it knows the answers."""

import base64
import http.server
import io
import json
import math
import re
import threading
import time

from PIL import Image


class ChoiceServer(http.server.ThreadingHTTPServer):
    """Answers a closed question by the red of the picture's first pixel.

    Args:
        names (list[str]): Name of every value of red.
        has (str): ``'logprobs'``, ``'schema'``, ``'text'`` (refuses the other
            two) or ``'nothing'`` (takes no notice of them).
        seconds (float): Time for an answer.
    """

    daemon_threads = True

    def __init__(self, names, has='logprobs', seconds=0.0):
        super().__init__(('127.0.0.1', 0), Handler)
        self.names, self.has, self.seconds = names, has, seconds
        self.asked = []
        self.refused = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_address[1]}/v1'

    def handle_error(self, request, client_address):
        """A client that was killed is part of the game."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(200, {'object': 'list', 'data': []})

    def do_POST(self):
        server = self.server
        length = int(self.headers['content-length'])
        body = json.loads(self.rfile.read(length))
        url, text = (part for part in body['messages'][0]['content'])
        data = base64.b64decode(url['image_url']['url'].partition(',')[2])
        red, green, blue = Image.open(io.BytesIO(data)).getpixel((0, 0))
        wants = {'logprobs': 'logprobs', 'response_format': 'schema'}
        for field, way in wants.items():
            if field in body and server.has not in (way, 'nothing'):
                with server.lock:
                    server.refused += 1
                return self.reply(422, {'error': {'message': f'no {field}'}})
        time.sleep(server.seconds)
        listed = dict(re.findall(r'^([A-T])\. ([^:\n]+)', text['text'], re.M))
        if listed:
            with server.lock:
                server.asked.append(green + 256 * blue)
        right = [x for x, n in listed.items() if n == server.names[red]]
        letter = right[0] if right else 'A'
        choice = {'index': 0, 'finish_reason': 'stop'}
        content = f'The answer is {letter}.'
        if server.has == 'logprobs':
            content = f' {letter}'
            other = next((x for x in listed if x != letter), 'B')
            top = [
                (letter, 0.6),
                (f' {letter}', 0.1),
                (other, 0.2),
                ('I', 0.1),
            ]
            tokens = [
                {'token': token, 'logprob': math.log(share), 'bytes': None}
                for token, share in top
            ]
            first = {**tokens[0], 'top_logprobs': tokens}
            choice['logprobs'] = {'content': [first]}
        elif server.has == 'schema' and 'response_format' in body:
            schema = body['response_format']['json_schema']['schema']
            assert letter in schema['properties']['answer']['enum']
            content = json.dumps({'answer': letter})
        choice['message'] = {'role': 'assistant', 'content': content}
        return self.reply(200, {'id': 'x', 'object': 'y', 'choices': [choice]})

    def reply(self, status, content):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)
