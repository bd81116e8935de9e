import json
import re
import shutil
from copy import deepcopy
from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from mmlatte.apis import (
    Inferencer,
    compose_config,
    export_model,
    load_classifier,
)
from mmlatte.apis.export.bundle import read_preprocessing
from mmlatte.apis.export.pixels import read_pixels
from mmlatte.apis.inference.load_classifier import load_run_config

FORMATS = ('open_clip', 'hf', 'onnx', 'torchscript')


@pytest.fixture(scope='module')
def exported(tiny_run, tmp_path_factory):
    """Folders of all formats, made once."""
    root = tmp_path_factory.mktemp('exported')
    return {
        to: (root / to, export_model(str(tiny_run), to, root / to))
        for to in FORMATS
    }


@pytest.mark.parametrize('to', FORMATS)
def test_agrees_with_the_checkpoint(exported, to):
    folder, comparison = exported[to]
    assert comparison.images == 9 == comparison.same_class
    assert comparison.features < 1e-5
    assert comparison.confidences < 1e-5
    assert not list(folder.parent.glob('.*.tmp'))
    card = (folder / 'README.md').read_text()
    for part in ('sea or lake', 'local-dir' if to == 'open_clip' else to):
        assert part in card.lower() or to == 'hf'


def test_open_clip_classifies_as_the_inferencer(
    exported, tiny_run, tiny_eurosat
):
    """Used as the model card says, with open_clip alone."""
    folder, _ = exported['open_clip']
    model, _, preprocess = open_clip.create_model_and_transforms(
        f'local-dir:{folder}'
    )
    assert type(model) is open_clip.CLIP
    path = tiny_eurosat / '2750/SeaLake/SeaLake_7.jpg'
    expected = Inferencer(str(tiny_run), device='cpu')
    with torch.no_grad():
        feature = model.eval().encode_image(
            preprocess(Image.open(path))[None], normalize=True
        )
        tokens = open_clip.get_tokenizer(f'local-dir:{folder}')(['a river'])
        text = model.encode_text(tokens, normalize=True)
        torch.testing.assert_close(
            text, expected.model.clip.encode_texts(['a river'])
        )
    scores = (
        model.logit_scale.exp() * feature @ expected.model.memory.prototypes.T
    ).softmax(dim=1)
    torch.testing.assert_close(
        scores[0].detach(), torch.tensor(expected(path)[0]['pred_scores'])
    )


def test_a_tuned_model_is_exported_without_its_additions(
    tiny_config, tmp_path
):
    pytest.importorskip('peft')
    config = deepcopy(tiny_config)
    config.model.clip.tuning = dict(type='mmlatte.LoRATuning', tower='both')
    model = load_classifier(config, device='cpu')
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.clip.named_parameters():
            if '.lora_B.' in name:
                parameter.normal_(std=0.3)
    plain = load_classifier(tiny_config, device='cpu').clip
    torch.save(
        dict(meta={}, state_dict=model.state_dict()), tmp_path / 'tuned.pth'
    )
    comparison = export_model(
        config, 'open_clip', tmp_path / 'out', str(tmp_path / 'tuned.pth')
    )
    assert comparison.features < 1e-5
    exported, _, _ = open_clip.create_model_and_transforms(
        f'local-dir:{tmp_path / "out"}'
    )
    exported.eval()
    texts = ['a river', 'a forest']
    tokens = open_clip.get_tokenizer(f'local-dir:{tmp_path / "out"}')(texts)
    with torch.no_grad():
        found = exported.encode_text(tokens, normalize=True)
        expected = model.clip.encode_texts(texts)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        untouched = plain.encode_texts(texts)
    assert not torch.allclose(expected, untouched, atol=1e-2)


def test_transformers_has_both_towers_and_the_tokenizer(exported, tiny_run):
    from transformers import AutoImageProcessor, CLIPModel, CLIPTokenizer

    folder, _ = exported['hf']
    clip = Inferencer(str(tiny_run), device='cpu').model.clip
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    model = CLIPModel.from_pretrained(folder).eval()
    texts = ["A  photo of a dentist's Café.", 'river', 'sea ' * 100]
    inputs = tokenizer(
        texts, padding=True, truncation=True, return_tensors='pt'
    )
    for row, text in zip(inputs['input_ids'], texts, strict=True):
        ids = clip.tokenize(text)
        assert row[: len(ids)].tolist() == ids.tolist()
    with torch.no_grad():
        pooled = model.text_model(**inputs).pooler_output
        features = model.text_projection(pooled)
        features = features / features.norm(dim=-1, keepdim=True)
        torch.testing.assert_close(
            features, clip.encode_texts(texts), atol=1e-5, rtol=0
        )
    assert (
        AutoImageProcessor.from_pretrained(folder).size['shortest_edge'] == 32
    )


@pytest.mark.parametrize('to', FORMATS)
def test_lines_of_the_card_turn_images_upright(
    exported, to, tiny_run, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / to
    shutil.copytree(exported[to][0], folder)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    photo = Image.new('RGB', (72, 48), (20, 90, 30))
    photo.save(folder / 'image.jpg', exif=exif)
    inferencer = Inferencer(str(tiny_run), device='cpu')
    [expected] = inferencer(str(folder / 'image.jpg'))

    def upright(image, transpose=ImageOps.exif_transpose):
        turned.append(transpose(image))
        return turned[-1]

    turned = []
    monkeypatch.setattr(ImageOps, 'exif_transpose', upright)
    monkeypatch.chdir(folder)
    card = Path('README.md').read_text(encoding='utf-8')
    [code] = re.findall('```python\n(.*?)```', card, re.DOTALL)
    capsys.readouterr()
    exec(compile(code, 'README.md', 'exec'), {})
    assert [image.size for image in turned] == [(48, 72)]
    assert expected['pred_class'] in capsys.readouterr().out


def test_onnx_takes_any_batch_and_knows_its_classes(exported):
    import onnxruntime

    folder, _ = exported['onnx']
    session = onnxruntime.InferenceSession(str(folder / 'model.onnx'))
    pixels = torch.rand(7, 3, 32, 32).numpy()
    logits, features = session.run(None, {'pixels': pixels})
    one = session.run(None, {'pixels': pixels[4:5]})
    torch.testing.assert_close(
        torch.tensor(logits[4:5]), torch.tensor(one[0]), atol=1e-4, rtol=0
    )
    assert features.shape == (7, 16)
    known = session.get_modelmeta().custom_metadata_map['classes']
    assert json.loads(known) == ['forest', 'highway or road', 'sea or lake']


def test_temperature_is_part_of_the_export(tiny_run, tiny_eurosat, tmp_path):
    path = str(tiny_eurosat / '2750/SeaLake/SeaLake_7.jpg')
    export_model(
        str(tiny_run), 'torchscript', tmp_path / 'a', temperature=2.5,
        images=path,
    )  # fmt: skip
    model = torch.jit.load(tmp_path / 'a' / 'model.torchscript.pt')
    inferencer = Inferencer(str(tiny_run), temperature=2.5, device='cpu')
    how = read_preprocessing(inferencer.config, inferencer.model)
    pixels = read_pixels(Image.open(path), how)
    logits, _ = model(torch.from_numpy(pixels)[None])
    assert logits.softmax(dim=1).max().item() == pytest.approx(
        inferencer(path)[0]['confidence'], abs=1e-5
    )


def test_a_wrong_export_is_removed(tiny_run, tmp_path, monkeypatch):
    from mmlatte.apis.export import FORMATS as modules

    module = modules['torchscript']
    monkeypatch.setattr(
        module,
        'predict',
        lambda folder, paths: (
            torch.zeros(len(paths), 16),
            torch.zeros(len(paths), 3),
        ),
    )
    with pytest.raises(RuntimeError, match='does not agree'):
        export_model(str(tiny_run), 'torchscript', tmp_path / 'a')
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused(tiny_run, tiny_config, tmp_path):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'x').touch()
    with pytest.raises(FileExistsError, match='full'):
        export_model(str(tiny_run), 'onnx', tmp_path / 'full')
    with pytest.raises(ValueError, match='choose from'):
        export_model(str(tiny_run), 'tflite', tmp_path / 'a')
    config = deepcopy(tiny_config)
    config.test_dataloader.dataset.pipeline[1]['backend'] = 'cv2'
    with pytest.raises(ValueError, match='pillow'):
        export_model(config, 'onnx', tmp_path / 'a')
    config.test_dataloader.dataset.pipeline[1]['scale'] = 36
    with pytest.raises(ValueError, match='usual preparation'):
        export_model(config, 'onnx', tmp_path / 'a')
    config.test_dataloader.dataset.data_root = str(tmp_path)
    with pytest.raises(RuntimeError, match='give images'):
        export_model(config, 'onnx', tmp_path / 'a')


@pytest.fixture(scope='module')
def real_images(eurosat_root) -> list[str]:
    split = json.loads((eurosat_root / 'split_zhou_EuroSAT.json').read_text())
    return [
        str(eurosat_root / '2750' / entry[0]) for entry in split['test'][::81]
    ]


def small_clip():
    parts = Path('benchmarks/configs')
    return compose_config(
        'configs/methods/zeroshot.py',
        str(parts / 'data/eurosat.py'),
        str(parts / 'clips/rsclip.py'),
    )


@pytest.mark.parametrize('to', ['open_clip', 'onnx', 'torchscript'])
def test_real_clip_on_100_real_images(to, real_images, tmp_path):
    config = small_clip()
    comparison = export_model(config, to, tmp_path / to, images=real_images)
    assert comparison.images == 100 == comparison.same_class
    assert max(comparison.features, comparison.confidences) < 1e-4


def test_real_clip_is_no_plain_vit(real_images, tmp_path):
    config = small_clip()
    with pytest.raises(ValueError, match='TimmModel, no plain ViT'):
        export_model(config, 'hf', tmp_path / 'hf', images=real_images)
    assert not list(tmp_path.glob('.*.tmp'))


def test_only_prototypes_are_exported(tiny_config, tmp_path):
    config = deepcopy(tiny_config)
    config.model.type = 'mmlatte.GDAClassifier'
    with pytest.raises(ValueError, match='GDAClassifier does not predict by'):
        export_model(config, 'onnx', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_towers_that_onnx_cannot_hold_are_refused(
    tiny_run, tmp_path, monkeypatch
):
    def refuse(*args, **kwargs):
        raise torch.onnx.OnnxExporterError('a page of advice')

    monkeypatch.setattr(torch.onnx, 'export', refuse)
    with pytest.raises(RuntimeError, match='does not take its image tower'):
        export_model(str(tiny_run), 'onnx', tmp_path / 'onnx')
    assert not (tmp_path / 'onnx').exists()


def test_interpolated_weights_lie_between(tiny_run, tmp_path):
    """Half of every weight, statistic and prototype; the card says so."""
    run = tmp_path / 'run'
    shutil.copytree(tiny_run, run)
    (run / 'summary.json').write_text(json.dumps(dict(top1=12.345)))
    trained = load_classifier(str(run), device='cpu')
    config = load_run_config(str(run))[0]
    start = load_classifier(config, device='cpu')
    folder = tmp_path / 'half'
    export_model(str(run), 'open_clip', folder, interpolate=0.5)
    found, _, _ = open_clip.create_model_and_transforms(f'local-dir:{folder}')
    before, after = start.clip.state_dict(), trained.clip.state_dict()
    for name, value in found.state_dict().items():
        key = name if name in after else f'text.{name}'
        if value.is_floating_point():
            expected = (before[key] + after[key]) / 2
            torch.testing.assert_close(value, expected, atol=1e-6, rtol=0)
    stored = load_file(folder / 'prototypes.safetensors')['prototypes']
    mean = (trained.memory.prototypes + start.memory.prototypes) / 2
    torch.testing.assert_close(
        stored, torch.nn.functional.normalize(mean, dim=1)
    )
    card = (folder / 'README.md').read_text()
    assert 'interpolated | 0.5 of the trained weights' in card
    # The accuracy is that of what was exported, not of the run.
    assert '12.3' not in card and '%, as interpolated' in card


def test_interpolation_is_refused_where_it_means_nothing(
    tiny_run, tiny_config, tmp_path
):
    with pytest.raises(ValueError, match=r'interpolate=1\.5: the share'):
        export_model(str(tiny_run), 'onnx', tmp_path / 'a', interpolate=1.5)
    with pytest.raises(ValueError, match='did not change the weights'):
        export_model(tiny_config, 'onnx', tmp_path / 'b', interpolate=0.5)


def test_the_card_tells_what_became_of_other_classes(
    tiny_run, tiny_eurosat, tmp_path
):
    other = tmp_path / 'other set'
    for name in ('Forest', 'SeaLake'):
        shutil.copytree(tiny_eurosat / '2750' / name, other / name)
    out = tmp_path / 'out'
    export_model(str(tiny_run), 'open_clip', out, also_check=str(other))
    line = r'accuracy on other set \| ([\d.]+) %.* ([\d.]+) % \|'
    after, before = re.search(line, (out / 'README.md').read_text()).groups()
    names, images = ['Forest', 'SeaLake'], sorted(other.rglob('*.jpg'))
    for model, said in (
        (load_classifier(str(tiny_run), device='cpu'), after),
        (
            load_classifier(load_run_config(str(tiny_run))[0], device='cpu'),
            before,
        ),
    ):
        texts = model.clip.encode_texts([f'a photo of a {n}.' for n in names])
        inferencer = Inferencer(str(tiny_run), device='cpu')
        inferencer.model.clip = model.clip
        inferencer.model.memory = inferencer.model.memory.__class__(
            names, model.clip.embed_dim
        )
        inferencer.model.memory.reset(texts)
        inferencer.classes = names
        right = [
            inferencer(str(path))[0]['pred_class'] == path.parent.name
            for path in images
        ]
        assert float(said) == pytest.approx(100 * sum(right) / 16, abs=0.01)
