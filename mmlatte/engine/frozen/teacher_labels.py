import dataclasses

from torch.utils.data import Dataset

from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.datasets.decode_options_of import (
    pipeline_options,
    set_decode_options,
)
from mmlatte.registry import MODELS

from .frozen_pass import FrozenPass
from .zero_shot_labels import ZeroShotLabels

__all__ = ['teacher_labels']


def teacher_labels(
    teacher: dict,
    student,
    student_pass: FrozenPass,
    student_labels: ZeroShotLabels,
    dataset: Dataset,
) -> ZeroShotLabels:
    """Label with a teacher the images that the student has encoded.

    Args:
        teacher (dict): Config of a ``mmlatte.ZeroShotCLIP``; type, classes
            and templates default to the student's.
        student (PrototypeClassifier): The method; marked if texts of a
            language model come in.
        student_pass (FrozenPass): Has encoded the images.
        student_labels (ZeroShotLabels): What it found.
        dataset (Dataset): The images.

    Raises:
        ValueError: If the teacher has other classes.
    """
    model = MODELS.build(
        {
            'type': 'mmlatte.ZeroShotCLIP',
            'class_names': student.class_names,
            'templates': student.templates,
            'prompt_names': student.prompt_names,
            **teacher,
        }
    )
    if model.class_names != student.class_names:
        raise ValueError(
            'FrozenFeaturesHook: the teacher has other classes than the '
            'model, or another order; leave out its class_names'
        )
    look = student_pass
    model.data_preprocessor = student.data_preprocessor
    if model.clip.fingerprint() != student_labels.clip:
        # Otherwise its features are in the cache already.
        facts = model.clip.preprocess
        pipeline = clip_eval_pipeline(model.clip.image_size, facts)
        options = pipeline_options(student_pass.pipeline)
        set_decode_options(pipeline, options)
        look = dataclasses.replace(student_pass, pipeline=pipeline)
        model.data_preprocessor = MODELS.build(clip_data_preprocessor(facts))
    model.to(next(student.parameters()).device)
    # With the texts of a language model the method depends on one.
    student.uses_lmm = student.uses_lmm or model.uses_lmm
    return look(model, dataset)
