import torch
from mmpretrain.models.utils import ClsDataPreprocessor
from torch import Tensor


class TwoEncoderPreprocessor(ClsDataPreprocessor):
    """Normalises images for CLIP, and their second views for another encoder.

    Args:
        second (dict): ``mean`` and ``std`` of pixels in 0..1 of the second
            encoder; see `FrozenEncoder`.
        **clip: As for ``ClsDataPreprocessor``, those of CLIP.
    """

    def __init__(self, second: dict, **clip) -> None:
        super().__init__(**clip)
        shape = (1, 3, 1, 1)
        for name in ('mean', 'std'):
            values = 255 * torch.tensor(second[name]).reshape(shape)
            self.register_buffer(f'second_{name}', values, False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise a batch.

        Args:
            data (dict): ``inputs``, BGR: images (B, 3, H, W), or a list of
                these as CLIP and as the second encoder see them.
            training (bool): Not used.

        Returns:
            dict: The same, RGB, normalised.
        """
        inputs = data['inputs']
        if isinstance(inputs, Tensor):
            return super().forward(data, training)
        first, second = inputs
        batch = super().forward({**data, 'inputs': first}, training)
        second = self.cast_data(second).flip(1).float()
        second = (second - self.second_mean) / self.second_std
        return {**batch, 'inputs': [batch['inputs'], second]}
