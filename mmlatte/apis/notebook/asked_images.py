from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from mmlatte.visualization.page import jpeg_thumbnail

from .asked_image import AskedImage

__all__ = ['AskedImages']

#: Longer sides in pixels: of the image in question, of those like it.
LARGE, SMALL = 256, 56


@dataclass(repr=False)
class AskedImages(Sequence):
    """Images to ask about; a notebook shows them where they stand.

    Args:
        images (Sequence[AskedImage]): In the order of asking, the largest
            share first.
    """

    images: Sequence[AskedImage]

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f'AskedImages({self.ids})'

    def __getitem__(self, index):
        return self.images[index]

    def __iter__(self) -> Iterator[AskedImage]:
        return iter(self.images)

    @property
    def ids(self) -> list[str]:
        """list[str]: Sample ids."""
        return [image.id for image in self.images]

    def answered(self, names: Sequence[str]) -> dict[str, str]:
        """Return one answer per image, in the order shown, as `fit` takes it.

        Args:
            names (Sequence[str]): Class names, ``NONE`` or ``SKIP``.

        Raises:
            ValueError: If there are more or fewer names than images.
        """
        if len(names) != len(self):
            raise ValueError(
                f'{len(names)} names for {len(self)} images: give one for '
                'each, SKIP where you cannot tell'
            )
        return dict(zip(self.ids, names, strict=True))

    def _repr_html_(self) -> str:
        """Show images, those like them, and the current guess."""
        cards = [_card(n, image) for n, image in enumerate(self.images)]
        return (
            '<div style="display:flex;flex-wrap:wrap;gap:14px">'
            + ''.join(cards)
            + '</div>'
        )


def _card(number: int, asked: AskedImage) -> str:
    likely = ', '.join(asked.likely[:3])
    similar = ''.join(_img(image, SMALL) for image in asked.similar)
    return (
        f'<figure style="margin:0;width:{LARGE}px">'
        f'{_img(asked.image, LARGE)}<div>{similar}</div>'
        f'<figcaption><b>{number}</b>: {escape(likely)}?<br>'
        f'<small>{escape(asked.id)}, speaks for {asked.share:.1%}</small>'
        '</figcaption></figure>'
    )


def _img(image, side: int) -> str:
    data = jpeg_thumbnail(image, side, quality=85)
    return (
        f'<img alt="" src="data:image/jpeg;base64,{data}" style="'
        f'display:inline-block;width:{side}px;height:{side}px;margin:0 2px 0 '
        '0;object-fit:contain">'
    )
