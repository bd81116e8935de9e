"""Shared fixtures: real test assets where they are, tiny stand-ins always."""

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image
from safetensors.torch import save_file

REPO = Path(__file__).resolve().parents[1]

RUN_NUMBERS = itertools.count()

#: A ViT-CLIP that runs in milliseconds; random weights, real tokenizer.
TINY_CLIP_CONFIG = {
    'model_cfg': {
        'embed_dim': 16,
        'vision_cfg': {
            'image_size': 32,
            'layers': 2,
            'width': 32,
            'head_width': 16,
            'patch_size': 8,
        },
        'text_cfg': {
            'context_length': 77,
            'vocab_size': 49408,
            'width': 16,
            'heads': 2,
            'layers': 2,
        },
    },
    'preprocess_cfg': {
        'mean': [0.48145466, 0.4578275, 0.40821073],
        'std': [0.26862954, 0.26130258, 0.27577711],
        'interpolation': 'bicubic',
        'resize_mode': 'shortest',
    },
}


@pytest.fixture(autouse=True)
def runs_of_one_second(monkeypatch):
    """Name every run: mmengine tells them apart by the second they began.

    Two that share it share a visualizer, and with it the first one's folder.
    """
    make = Runner.__init__

    def init(self, *args, **kwargs):
        number = f'run{next(RUN_NUMBERS)}'
        kwargs['experiment_name'] = kwargs.get('experiment_name') or number
        make(self, *args, **kwargs)

    monkeypatch.setattr(Runner, '__init__', init)


@pytest.fixture(scope='session')
def assets() -> Path:
    """Folder of the real test assets; skips where they are not."""
    root = os.environ.get('MMLATTE_TEST_ASSETS')
    if not root:
        pytest.skip('set MMLATTE_TEST_ASSETS to run tests on real assets')
    root = Path(root).resolve()
    if not (root / 'models' / 'rs-clip').is_dir():
        pytest.fail(f'MMLATTE_TEST_ASSETS={root} holds no models/rs-clip')
    return root


@pytest.fixture(scope='session')
def run_script(tmp_path_factory) -> Callable[..., subprocess.CompletedProcess]:
    """``run_script(path, *arguments, cwd=)``: as ``python path arguments``."""
    folder = tmp_path_factory.mktemp('scripts')
    own = {'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'}
    server = subprocess.Popen(
        [sys.executable, str(REPO / 'tests' / 'tool_server.py')],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **own},
        text=True,
    )

    def run(path, *arguments, cwd='.'):
        texts = folder / 'output', folder / 'errors'
        for text in texts:
            text.write_text('')
        request = dict(
            script=str(Path(path).resolve()),
            arguments=[str(argument) for argument in arguments],
            cwd=str(cwd),
            env={**os.environ, **own},
            output=str(texts[0]),
            errors=str(texts[1]),
        )
        print(json.dumps(request), file=server.stdin, flush=True)
        return subprocess.CompletedProcess(
            (request['script'], *request['arguments']),
            int(server.stdout.readline()),
            *(text.read_text() for text in texts),
        )

    yield run
    server.stdin.close()
    server.wait()


@pytest.fixture
def choice_server():
    """``choice_server(names, has=, seconds=)``: see `ChoiceServer`."""
    yield from lmm_servers('ChoiceServer')


@pytest.fixture
def hostile_server():
    """``hostile_server(traps)``: see `HostileServer`."""
    yield from lmm_servers('HostileServer')


def lmm_servers(kind):
    """Yield what starts servers of a kind, then close them."""
    path = REPO / 'tests' / 'lmm_servers.py'
    spec = importlib.util.spec_from_file_location('lmm_servers', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    servers = []

    def start(*arguments, **options):
        servers.append(getattr(module, kind)(*arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope='session')
def tiny_clip_dir(tmp_path_factory) -> Path:
    """Folder that open_clip loads as ``local-dir:``, random weights."""
    folder = tmp_path_factory.mktemp('tiny_clip')
    torch.manual_seed(0)
    model = open_clip.CLIP(**TINY_CLIP_CONFIG['model_cfg'])
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(state, str(folder / 'open_clip_model.safetensors'))
    (folder / 'open_clip_config.json').write_text(json.dumps(TINY_CLIP_CONFIG))
    return folder


@pytest.fixture(scope='session')
def tiny_eurosat(tmp_path_factory) -> Path:
    """A data root laid out as EuroSAT's: 3 classes, 8 images each.

    ``2750/<Class>/<Class>_<n>.jpg`` and ``split_zhou_EuroSAT.json`` (4 train,
    1 val, 3 test images per class). Every class has a colour of its own.
    """
    root = tmp_path_factory.mktemp('tiny_eurosat')
    names = {
        'Forest': ('Forest', (20, 90, 30)),
        'Highway': ('Highway or Road', (120, 120, 120)),
        'SeaLake': ('Sea or Lake', (20, 40, 150)),
    }
    rng = np.random.default_rng(0)
    split: dict = {'train': [], 'val': [], 'test': []}
    for label, (folder, (class_name, colour)) in enumerate(names.items()):
        directory = root / '2750' / folder
        directory.mkdir(parents=True)
        for n in range(1, 9):
            noise = rng.integers(-20, 20, (64, 64, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255)
            path = directory / f'{folder}_{n}.jpg'
            Image.fromarray(pixels.astype(np.uint8)).save(path)
            part = 'train' if n <= 4 else 'val' if n == 5 else 'test'
            entry = [f'{folder}/{folder}_{n}.jpg', label, class_name]
            split[part].append(entry)
    (root / 'split_zhou_EuroSAT.json').write_text(json.dumps(split))
    return root


@pytest.fixture(scope='session')
def eurosat_root(assets, tmp_path_factory) -> Path:
    """The real EuroSAT, extracted once, with the CoOp split beside it."""
    root = tmp_path_factory.mktemp('eurosat')
    with zipfile.ZipFile(assets / 'data' / 'EuroSAT.zip') as archive:
        archive.extractall(root)
    split = assets / 'data' / 'split_zhou_EuroSAT.json'
    shutil.copy(split, root / split.name)
    return root


#: Class names of `tiny_eurosat`.
TINY_CLASSES = ['forest', 'highway or road', 'sea or lake']


@pytest.fixture(scope='session')
def tiny_config(tiny_clip_dir, tiny_eurosat) -> Config:
    """Zero-shot LatteCLIP on the tiny CLIP; tests on tiny EuroSAT."""
    pipeline = [
        dict(type='mmlatte.LoadImage'),
        dict(
            type='mmpretrain.ResizeEdge',
            scale=32,
            edge='short',
            backend='pillow',
            interpolation='bicubic',
        ),
        dict(type='mmpretrain.CenterCrop', crop_size=32),
        dict(
            type='mmpretrain.PackInputs',
            meta_keys=('sample_id', 'sample_idx', 'img_path'),
        ),
    ]
    return Config(
        dict(
            model=dict(
                type='mmlatte.LatteCLIPClassifier',
                clip=dict(
                    type='mmlatte.OpenCLIP',
                    model_name=f'local-dir:{tiny_clip_dir}',
                ),
                class_names=TINY_CLASSES,
                templates='a photo of a {}.',
                data_preprocessor=dict(
                    mean=[122.7709383, 116.7460125, 104.09373615],
                    std=[68.5005327, 66.6321579, 70.32316305],
                    to_rgb=True,
                ),
            ),
            test_dataloader=dict(
                dataset=dict(
                    type='mmlatte.CoOpSplitDataset',
                    data_root=str(tiny_eurosat),
                    split_file='split_zhou_EuroSAT.json',
                    split='test',
                    image_folder='2750',
                    pipeline=pipeline,
                )
            ),
        )
    )


@pytest.fixture(scope='session')
def tiny_run(tiny_config, tmp_path_factory) -> Path:
    """Work folder with ``epoch_1.pth``: other weights than the config's."""
    folder = tmp_path_factory.mktemp('tiny_run')
    from mmlatte.apis import load_classifier

    model = load_classifier(tiny_config, device='cpu')
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.clip.parameters():
            if parameter.ndim > 1:
                parameter.add_(0.02 * torch.randn_like(parameter))
    noise = torch.randn_like(model.memory.prototypes)
    model.memory.reset(
        torch.nn.functional.normalize(model.memory.prototypes + 0.2 * noise)
    )
    torch.save(
        dict(
            meta=dict(cfg=tiny_config.pretty_text, epoch=1),
            state_dict=model.state_dict(),
        ),
        folder / 'epoch_1.pth',
    )
    # As written on another machine.
    (folder / 'last_checkpoint').write_text('/elsewhere/run/epoch_1.pth')
    return folder


#: A headless Chromium that tests drive as a person would.
CHROMIUM = next(
    filter(
        None, map(shutil.which, ('chromium', 'chromium-browser', 'chrome'))
    ),
    None,
)
DRIVER = shutil.which('chromedriver')


@pytest.fixture
def browser(tmp_path):
    """A Chromium with an empty profile, downloads in ``tmp_path``."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip('needs chromium and chromedriver')
    driver = open_browser(tmp_path)
    yield driver
    driver.quit()


def open_browser(folder, dark=False, width=1200, height=860):
    """Start Chromium with an empty profile; downloads go to ``folder``."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        f'--window-size={width},{height}',
        f'--user-data-dir={folder}/profile',
        *(['--force-dark-mode'] if dark else []),
    ):
        options.add_argument(option)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    options.add_experimental_option(
        'prefs', {'download.default_directory': str(folder)}
    )
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    if dark:
        driver.execute_cdp_cmd(
            'Emulation.setEmulatedMedia',
            {'features': [{'name': 'prefers-color-scheme', 'value': 'dark'}]},
        )
    return driver
