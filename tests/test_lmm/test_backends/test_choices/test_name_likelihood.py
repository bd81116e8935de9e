"""One pass over image and prompt, and one name at a time: the same."""

import pytest
import torch
from PIL import Image

from mmlatte.lmm import ClosedQuestion, ImageError, fit_picture, load_image
from mmlatte.lmm.backends.choices.name_likelihood import (
    continuations,
    name_log_likelihoods,
)
from mmlatte.lmm.picture import View

NAMES = ('river', 'dense residential area', 'forest', 'storage tanks')


@torch.inference_mode()
def one_at_a_time(model, inputs, names):
    """The whole of prompt and name through the model, again and again."""
    rows = []
    for row in range(len(inputs['input_ids'])):
        own = {key: value[row : row + 1] for key, value in inputs.items()}
        sums = []
        for name in names:
            tokens = torch.tensor([name])
            ids = torch.cat([own['input_ids'], tokens], dim=1)
            whole = {**own, 'input_ids': ids}
            whole['attention_mask'] = torch.ones_like(ids)
            logits = model(**whole).logits[0, -len(name) - 1 : -1]
            found = logits.float().log_softmax(dim=1)
            sums.append(found.gather(1, tokens.T).sum())
        rows.append(torch.stack(sums))
    return torch.stack(rows)


@pytest.mark.parametrize('at_once', [1, 2, 64])
def test_the_small_llava(llava, eurosat_images, at_once):
    llava._load()
    pictures, prompt = llava._pictures, 'Which of these is it?'
    chat = pictures.chat(prompt, View())
    names = continuations(pictures.processor.tokenizer, chat, NAMES)
    images = [load_image(path) for path in eurosat_images[:2]]
    inputs = pictures.inputs_for(llava._model, images, [prompt] * 2, View())
    found = name_log_likelihoods(llava._model, inputs, names, at_once)
    expected = one_at_a_time(llava._model, inputs, names)
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)
    assert len({len(name) for name in names}) > 1


def test_a_random_llava():
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    torch.manual_seed(0)
    sizes = dict(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
    )
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            image_size=16, patch_size=8, projection_dim=16, **sizes
        ),
        text_config=LlamaConfig(vocab_size=50, num_key_value_heads=1, **sizes),
        image_token_index=49,
        vision_feature_layer=-1,
    )
    model = LlavaForConditionalGeneration(config).eval()
    ids = torch.tensor([[1, 49, 49, 49, 49, 7, 8, 9]]).repeat(2, 1)
    inputs = dict(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values=torch.randn(2, 3, 16, 16),
    )
    names = [[3], [4, 5, 6], [4, 5], [10, 11, 12, 13]]
    found = name_log_likelihoods(model, inputs, names, at_once=2)
    expected = one_at_a_time(model, inputs, names)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_names_go_on_from_the_prompt(llava):
    llava._load()
    tokenizer = llava._pictures.processor.tokenizer
    chat = llava._pictures.chat('What?', View())
    [name] = continuations(tokenizer, chat, ['storage tanks'])
    assert tokenizer.decode(name).strip() == 'storage tanks'
    whole = tokenizer(f'{chat} storage tanks', add_special_tokens=False)
    assert whole.input_ids[-len(name) :] == name


def test_prior_and_length_are_options(llava, eurosat_images):
    image = load_image(eurosat_images[0])

    def ask(**options):
        question = ClosedQuestion(
            '1.jpg', 'choice', 'What?', lambda: image, names=NAMES, **options
        )
        [[choice]] = llava.choose([question])
        assert choice.way == 'likelihood'
        return torch.tensor(choice.probabilities)

    llava._load()
    pictures = llava._pictures
    chat = pictures.chat('What?', View())
    names = continuations(pictures.processor.tokenizer, chat, NAMES)
    lengths = torch.tensor([len(name) for name in names])
    shown = fit_picture(image, llava.picture)
    blank = Image.new('RGB', shown.size, 'gray')
    inputs = pictures.inputs_for(
        llava._model, [shown, blank], ['What?'] * 2, View()
    )
    own, prior = one_at_a_time(llava._model, inputs, names)
    close = dict(atol=1e-4, rtol=0)
    torch.testing.assert_close(
        ask(normalise=False, prior=False), own.softmax(0), **close
    )
    torch.testing.assert_close(
        ask(), ((own - prior) / lengths).softmax(0), **close
    )


def test_an_unreadable_image_is_an_error_of_its_question(llava):
    def broken():
        raise ImageError('not an image')

    question = ClosedQuestion('1.jpg', 'choice', 'What?', broken, names=NAMES)
    [[choice]] = llava.choose([question])
    assert (choice.name, choice.error) == ('', 'image: not an image')
