import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.lmm import clean_text, find_problem
from mmlatte.lmm.asking.quality import is_over_length
from mmlatte.models.clip.clip_tokenizer import ClipTokenizer


@pytest.mark.parametrize(
    'raw, expected',
    [
        ('  a\n\n river\t here\r\n', 'a river here'),
        ('The image shows a river.', 'The image shows a river.'),
        ('This image depicts: a river', 'This image depicts: a river'),
        ('ASSISTANT: a river', 'a river'),
        ('assistant\n: a river', 'a river'),
        ('### Assistant: a river</s>', 'a river'),
        ('<|im_start|>assistant\na river<|im_end|>', 'a river'),
        (
            '<|start_header_id|>assistant<|end_header_id|>\n\na river'
            '<|eot_id|>',
            'a river',
        ),
        ('[INST] <<SYS>> [/INST] a river', 'a river'),
        ('<image>\n<think>is it a lake?</think>a river', 'a river'),
        ('<think>endless', ''),
        ('is it a lake?\n</think>\n\na river', 'a river'),
        ('is it a lake? ' * 999 + '</think>a river', 'a river'),
        ('<think>a</think>b<think>c</thinking>d</THINK> a river', 'a river'),
        ('**A river** with *green* `banks`', 'A river with green banks'),
        ('# River\n- water\n- banks', 'River water banks'),
        ('1. water\n2) banks', 'water banks'),
        ('```text\na river\n```', 'a river'),
        ('![x](http://a/b.png) see [the river](u)', 'x see the river'),
        ('"a river"', 'a river'),
        ('"a river" and "a lake"', '"a river" and "a lake"'),
        ('a river USER: and now? ASSISTANT: a lake', 'a river'),
        ('<b>a</b> river<script>alert(1)</script>', 'a river alert(1)'),
        ('fields of 2 < 3 km and 5 > 4', 'fields of 2 < 3 km and 5 > 4'),
        ('a 3*4 grid of snake_case_names', 'a 3*4 grid of snake_case_names'),
        ('a\0b\x1b[31m\ud800', 'a b [31m'),
        ('שלום 🛰️', 'שלום 🛰️'),
        ('Answer: 12 houses', '12 houses'),
    ],
)
def test_chat_is_stripped_and_words_are_kept(raw, expected):
    assert clean_text(raw) == expected


@given(st.text())
def test_a_clean_text_is_one_bounded_line(raw):
    text = clean_text(raw)
    assert len(text) <= 2000
    assert text == ' '.join(text.split())
    assert '\0' not in text
    text.encode('utf-8')
    find_problem(text)


@pytest.mark.parametrize(
    'unit', ['<', '<a', '**', 'ab ', '[', '<think>', '`a']
)
def test_a_megabyte_is_cut_in_no_time(unit):
    text = clean_text(unit * (2**20 // len(unit)))
    assert len(text) <= 2000
    find_problem(text)


@pytest.mark.parametrize(
    'text, problem',
    [
        ('', 'empty'),
        ('...', 'empty'),
        ("I'm sorry, but I can't help with that.", 'refusal'),
        ('I’m unable to view images.', 'refusal'),
        ('I cannot see the image.', 'refusal'),
        ('As an AI language model, I have no eyes.', 'refusal'),
        ('Unfortunately, I see nothing', 'refusal'),
        ('Please provide the image.', 'refusal'),
        ('Sorry, no.', 'refusal'),
        ('river ' * 20, 'repetition loop'),
        ('a river and a road and ' * 6, 'repetition loop'),
        ('A bridge. ' + 'Trees and a house. ' * 8, 'repetition loop'),
        ('ha' * 40, 'repetition loop'),
        ('是' * 60, 'repetition loop'),
        ('A river near green fields.', ''),
        ('many many green trees are around a building', ''),
        ('A sorry sight: a dry river as an AI model would not draw it.', ''),
        ('rows of houses, rows of houses and rows of trees', ''),
        ('I see a river.', ''),
        ('2024', ''),
    ],
)
def test_problems_are_found(text, problem):
    assert find_problem(text) == problem


def test_over_length_counts_beyond_what_the_tokenizer_keeps():
    tokenize = ClipTokenizer('ViT-B-32')
    assert len(tokenize('river ' * 75)) == 77
    assert not is_over_length('river ' * 75, tokenize)
    assert is_over_length('river ' * 76, tokenize)
    assert is_over_length(
        'river ' * 74 + 'electroencephalographically', tokenize
    )
    assert not is_over_length('', tokenize)
