"""What is taken from an LMM's answer, and what is not."""

import re
from collections.abc import Callable

from mmlatte.lmm.backends.thoughts import without_thoughts

__all__ = ['clean_text', 'find_problem', 'is_over_length']

#: Longer answers are cut: CLIP reads 77 tokens.
MAX_CHARS = 2000

#: <image>, </s>, <|im_start|>assistant, <script>, [INST], <<SYS>>
_TOKENS = re.compile(
    r'<\|im_start\|>\s*(?:assistant|user|system)?'
    r'|<\|(?:start_header_id|header_start)\|>\s*\w*\s*'
    r'<\|(?:end_header_id|header_end)\|>'
    r'|<{1,2}[/|!]?[A-Za-z_｜][^<>]{0,200}>{1,2}'
    r'|\[/?(?:INST|SYS|IMG)\]'
)
_ROLE = re.compile(
    r'^\s*(?:#{1,6}\s*)?(?:\*\*)?(?:assistant|user|system|human|model|gpt|'
    r'answer|response|caption|description)(?:\*\*)?\s*:(?:\*\*)?\s*',
    re.I,
)
_LATER_TURN = re.compile(
    r'(?:^|\s)(?:#{1,6}\s*)?(?:USER|ASSISTANT|HUMAN|User|Assistant|Human):'
)
_FENCE = re.compile(r'^\s*```\w*\s*$', re.M)
_HEADING = re.compile(r'^\s{0,3}#{1,6}\s+', re.M)
_BULLET = re.compile(r'^\s*(?:[-*+•]|\d{1,2}[.)])\s+', re.M)
_QUOTE = re.compile(r'^\s*>\s?', re.M)
_LINK = re.compile(r'!?\[([^\]\n]{0,300})\]\([^)\s]{0,500}\)')
_EMPHASIS = re.compile(r'(\*{1,3}|_{2,3}|~~|`{1,3})(?=\S)(.{1,500}?)(?<=\S)\1')
_CONTROL = re.compile(r'[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]')

_REFUSAL = re.compile(
    r"^\W*(?:(?:i['’]?m|i am|we are)\s+(?:very\s+)?(?:sorry|unable|not able)\b"
    r"|sorry\b|i (?:can['’]?t|cannot|can not|won['’]?t|am not"
    r"|do(?:n['’]t| not)\s+(?:see|have|know|feel))\b"
    r'|(?:unfortunately,?\s+)?as an? (?:ai|large|artificial|language)\b'
    r'|unfortunately,? i\b|no image (?:was|is|has been)\b'
    r'|(?:there is|i see) no image\b|please (?:provide|upload|share)\b'
    r'|(?:it|this) (?:seems|appears) (?:that )?(?:you|there is no image|'
    r'no image))',
    re.I,
)
_LOOPED_CHARS = re.compile(r'(\S.{0,19}?)\1{11,}', re.S)


def clean_text(raw: str) -> str:
    r"""Strip what belongs to the chat and keep the description.

    Role tags, special tokens, HTML and markdown marks, control characters
    and everything from a second turn on are removed; white space becomes
    single spaces. Wording such as "The image shows ..." is kept.

    Args:
        raw (str): The answer as it came.

    Returns:
        str: One line of at most 2,000 characters.

    Examples:
        >>> clean_text('ASSISTANT: **A river**\nnear <image>a field.</s>')
        'A river near a field.'
    """
    # Cut generously before, exactly after: marks are not counted as text.
    text = without_thoughts(raw)[: 4 * MAX_CHARS]
    text = _TOKENS.sub(' ', text)
    text = _CONTROL.sub(' ', text)
    text = _strip_roles(text)
    for mark in (_FENCE, _HEADING, _BULLET, _QUOTE):
        text = mark.sub('', text)
    text = _LINK.sub(r'\1', text)
    for _ in range(3):
        text = _EMPHASIS.sub(r'\2', text)
    text = _strip_roles(text)
    text = ' '.join(text.split())
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        text = text[1:-1].strip()
    return text[:MAX_CHARS].rstrip()


def _strip_roles(text: str) -> str:
    while (match := _ROLE.match(text)) is not None:
        text = text[match.end() :]
    later = _LATER_TURN.search(text)
    return text[: later.start()] if later else text


def find_problem(text: str) -> str:
    """Why a cleaned text is no description; empty if it is one.

    Returns:
        str: ``''``, ``'empty'``, ``'refusal'`` or ``'repetition loop'``.

    Examples:
        >>> find_problem("I'm sorry, but I cannot see the image.")
        'refusal'
        >>> find_problem('a river a river a river a river a river a river')
        'repetition loop'
    """
    if not any(character.isalnum() for character in text):
        return 'empty'
    if _REFUSAL.search(text):
        return 'refusal'
    if _is_loop(text):
        return 'repetition loop'
    return ''


def _is_loop(text: str) -> bool:
    """Whether a phrase of up to 12 words fills most of the text.

    A phrase must come at least four times in a row and make up 10 words and
    more than half of the text.
    """
    words = text.lower().split()
    for length in range(1, min(12, len(words) // 4) + 1):
        run = longest = 0
        for position in range(length, len(words)):
            same = words[position] == words[position - length]
            run = run + 1 if same else 0
            longest = max(longest, run)
        covered = longest + length
        if (
            longest >= 3 * length
            and covered >= 10
            and covered > len(words) // 2
        ):
            return True
    looped = _LOOPED_CHARS.search(text)
    return looped is not None and 2 * len(looped.group()) > len(text)


def is_over_length(text: str, tokenize: Callable, limit: int = 77) -> bool:
    """Whether CLIP's tokenizer cuts a text.

    Args:
        text (str): The text.
        tokenize (Callable): Returns unpadded tokens, start and end included,
            cut at ``limit``.
        limit (int): Context length of the text tower.
    """
    if len(tokenize(text)) < limit:
        return False
    # The tokenizer cuts: words are counted one by one.
    needed = 2
    for word in text.split():
        needed += len(tokenize(word)) - 2
        if needed > limit:
            return True
    return False
