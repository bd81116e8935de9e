"""Predictions for tools in which people label images."""

from mmlatte.apis.export.annotations.class_folders import link_class_folders
from mmlatte.apis.export.annotations.export_annotations import (
    ANNOTATION_FORMATS,
    export_annotations,
)
from mmlatte.apis.export.annotations.fiftyone import write_fiftyone
from mmlatte.apis.export.annotations.label_studio import write_label_studio
from mmlatte.apis.export.annotations.predicted_labels import PredictedLabels

__all__ = [
    'ANNOTATION_FORMATS',
    'PredictedLabels',
    'export_annotations',
    'link_class_folders',
    'write_fiftyone',
    'write_label_studio',
]
