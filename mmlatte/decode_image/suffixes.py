"""Which files of a folder are images: one list for all who look."""

import os

__all__ = ['IMAGE_SUFFIXES', 'kind_and_reason']

#: What `decode_image` reads.
IMAGE_SUFFIXES = (
    '.apng',
    '.avif',
    '.bmp',
    '.dcm',
    '.dib',
    '.dicom',
    '.gif',
    '.heic',
    '.heif',
    '.hif',
    '.j2c',
    '.j2k',
    '.jfif',
    '.jp2',
    '.jpc',
    '.jpe',
    '.jpeg',
    '.jpf',
    '.jpg',
    '.jpx',
    '.jxl',
    '.mpo',
    '.pbm',
    '.pgm',
    '.png',
    '.pnm',
    '.ppm',
    '.qoi',
    '.tga',
    '.tif',
    '.tiff',
    '.webp',
)
#: Pictures and films that it does not read.
OTHER_PICTURES = {
    '.3fr .arw .cr2 .cr3 .dng .nef .orf .raf .rw2': 'raw photo',
    '.ai .eps .pdf .ps .svg .wmf .emf': 'document or drawing',
    '.avi .m4v .mkv .mov .mp4 .mpeg .mpg .webm .wmv': 'video',
    '.arrow .parquet .tar': 'archive beside images: name it by itself',
    '.exr .fits .fit .hdr .ico .pfm .psd .xcf .zip .nii .nrrd .mha .gz .tgz '
    '.h5 .hdf .nc .npy .npz .czi .lif .nd2 .svs .ndpi': 'container '
    'or image of a kind that is not read',
}
_REASONS = {
    suffix: reason
    for suffixes, reason in OTHER_PICTURES.items()
    for suffix in suffixes.split()
}


def kind_and_reason(name: str) -> tuple[str, str]:
    """Return what kind of file is left out of a folder, and why.

    Args:
        name (str): Of a file that does not end in one of `IMAGE_SUFFIXES`.

    Examples:
        >>> kind_and_reason('a/film.MP4')
        ('.mp4', 'video')
        >>> kind_and_reason('notes.txt')
        ('.txt', 'no image')
    """
    base = name.rsplit('/', 1)[-1]
    if base.startswith('.'):
        return 'hidden', 'name begins with a dot'
    suffix = os.path.splitext(base)[1].lower()
    if not suffix:
        return 'without ending', 'kind not known: add the ending, e.g. .dcm'
    return suffix, _REASONS.get(suffix, 'no image')
