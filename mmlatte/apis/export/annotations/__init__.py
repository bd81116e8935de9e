"""Predictions for tools in which people label images."""

from mmlatte.apis.export.annotations.class_folders import link_class_folders
from mmlatte.apis.export.annotations.fiftyone import write_fiftyone
from mmlatte.apis.export.annotations.label_studio import write_label_studio

__all__ = ['link_class_folders', 'write_fiftyone', 'write_label_studio']
