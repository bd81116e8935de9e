"""Sentences that a language model wrote about classes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path


def read_descriptions(
    source: str | Path | Mapping[str, Sequence[str]],
    class_names: Sequence[str],
) -> list[list[str]]:
    """Return the sentences of every class, in the order of the classes.

    Args:
        source (str | Path | Mapping): A JSON file or its content,
            ``{class name: [sentence, ...]}``. Upper and lower case of names
            do not matter; classes that are not asked for are left out.
        class_names (Sequence[str]): The C classes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If classes have no sentence; names all of them.

    Examples:
        >>> read_descriptions({'Sea': ['blue water'], 'City': ['x']}, ['sea'])
        [['blue water']]
    """
    where = 'descriptions'
    if not isinstance(source, Mapping):
        where = str(source)
        try:
            source = json.loads(Path(where).read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise FileNotFoundError(
                f'there is no file {where} with class descriptions: a JSON of '
                '{class name: [sentence, ...]} for all classes'
            ) from None
        except json.JSONDecodeError as error:
            raise ValueError(f'{where} is no JSON: {error}') from error
        if not isinstance(source, Mapping):
            raise ValueError(
                f'{where} must hold {{class name: [sentence, ...]}}, not a '
                f'{type(source).__name__}'
            )
    by_name = {name.casefold(): texts for name, texts in source.items()}
    found = [by_name.get(name.casefold()) for name in class_names]
    missing = [n for n, t in zip(class_names, found, strict=True) if not t]
    if missing:
        raise ValueError(f'{where} has no sentence for {missing}')
    for name, texts in zip(class_names, found, strict=True):
        if isinstance(texts, str) or not all(
            isinstance(text, str) and text.strip() for text in texts
        ):
            raise ValueError(
                f'{where}: the sentences of {name!r} must be a list of texts'
            )
    return [[text.strip() for text in texts] for texts in found]
