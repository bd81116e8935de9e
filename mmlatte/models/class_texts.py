"""The texts that stand for classes, and whether CLIP can tell them apart."""

import logging
from collections.abc import Mapping, Sequence
from string import Formatter

from mmengine.logging import print_log

from .class_descriptions import read_descriptions
from .clip import ClipTokenizer

__all__ = ['check_class_texts', 'check_templates', 'texts_of_classes']


def check_templates(templates: str | Sequence[str]) -> list[str]:
    """Return templates as a list.

    Raises:
        ValueError: If there is none, or one has not ``{}`` exactly once, or
            another field.
    """
    templates = [templates] if isinstance(templates, str) else list(templates)
    if not templates:
        raise ValueError('templates is empty; give at least one text with {}')
    for template in templates:
        try:
            parts = [part[1:] for part in Formatter().parse(template)]
            fields = [part for part in parts if part[0] is not None]
        except ValueError as error:
            fields, why = [], f' ({error}; write {{{{ for a brace)'
        else:
            why = ''
        if fields != [('', '', None)]:
            raise ValueError(
                f'template {template!r} must contain {{}} exactly once, the '
                f'place of the class name, and no other field{why}'
            )
    return templates


def texts_of_classes(
    class_names: Sequence[str],
    templates: Sequence[str],
    descriptions: str | Mapping[str, Sequence[str]] | None = None,
    prompt_names: Mapping[str, Sequence[str]] | None = None,
) -> list[list[str]]:
    """Return the texts whose mean feature is a class, for every class.

    Its descriptions; else its names in all templates, template by template.

    Args:
        class_names (Sequence[str]): The C classes.
        templates (Sequence[str]): With ``{}``.
        descriptions (str | Mapping, optional): See `read_descriptions`.
        prompt_names (Mapping[str, Sequence[str]], optional): What classes are
            called in texts, in the place of their names.

    Examples:
        >>> texts_of_classes(['A', 'B'], ['a {}.'], None, {'A': ['c', 'd']})
        [['a c.', 'a d.'], ['a B.']]
    """
    if descriptions is not None:
        return read_descriptions(descriptions, class_names)
    return [
        [
            template.format(one)
            for template in templates
            for one in (prompt_names or {}).get(name, [name])
        ]
        for name in class_names
    ]


def check_class_texts(
    tokenizer: ClipTokenizer,
    class_names: Sequence[str],
    texts: Sequence[Sequence[str]],
) -> None:
    """Name texts that are cut; refuse classes that CLIP cannot tell apart.

    Args:
        tokenizer (ClipTokenizer): Of the CLIP.
        class_names (Sequence[str]): The C classes.
        texts (Sequence[Sequence[str]]): Their texts, see `texts_of_classes`.

    Raises:
        ValueError: If all tokens of two classes are the same.
    """
    same: dict[frozenset, str] = {}
    cut = []
    for name, own in zip(class_names, texts, strict=True):
        tokens = frozenset(tuple(tokenizer(text).tolist()) for text in own)
        if tokens in same:
            raise ValueError(
                f'classes {same[tokens]!r} and {name!r} are the same tokens '
                f'for CLIP (context of {tokenizer.context_length} tokens), '
                f'from {own[0]!r}: all images of one would go to the other. '
                'Give them names that differ, within the context'
            )
        same[tokens] = name
        cut += [text for text in own if tokenizer.is_cut(text)]
    if cut:
        print_log(
            f'{len(cut)} class texts are longer than the '
            f'{tokenizer.context_length} tokens that CLIP reads, and their '
            f'ends are cut off: {", ".join(map(repr, cut[:5]))}'
            + (', ...' if len(cut) > 5 else ''),
            'current',
            level=logging.WARNING,
        )
