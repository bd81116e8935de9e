"""Reading configs from text without running it."""

import ast

from mmengine.config import Config

__all__ = ['read_plain_config']


def read_plain_config(text: str) -> Config:
    """Read a config from the text that checkpoints hold.

    mmengine's own reader runs the text as Python. A checkpoint may come from
    anybody, so here only values are read: literals, lists, ``dict(...)``.

    Args:
        text (str): Assignments, as in ``Config.pretty_text``.

    Returns:
        Config: The config.

    Raises:
        ValueError: If the text holds anything but plain values.

    Examples:
        >>> read_plain_config("model = dict(type='A', size=(1, -2))").model
        {'type': 'A', 'size': (1, -2)}
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise ValueError(f'this is no config: {error}') from error
    values = {}
    for statement in statements:
        if not (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            raise _refuse(statement)
        values[statement.targets[0].id] = _value(statement.value)
    return Config(values)


def _value(node: ast.expr):
    if isinstance(node, ast.Call):
        named = all(word.arg for word in node.keywords)
        is_dict = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        # Keys that are no names are written as dict({...}).
        plain = all(isinstance(arg, ast.Dict) for arg in node.args)
        if not (is_dict and named and plain and len(node.args) <= 1):
            raise _refuse(node)
        words = {word.arg: _value(word.value) for word in node.keywords}
        return {**(_value(node.args[0]) if node.args else {}), **words}
    if isinstance(node, ast.Dict):
        if None in node.keys:
            raise _refuse(node)
        keys = [_value(key) for key in node.keys]
        return dict(zip(keys, map(_value, node.values), strict=True))
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.Set):
        return {_value(item) for item in node.elts}
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _refuse(node) from None


def _refuse(node: ast.AST) -> ValueError:
    return ValueError(
        f'line {node.lineno} of the config holds more than plain values: '
        f'{ast.unparse(node)[:80]}'
    )
