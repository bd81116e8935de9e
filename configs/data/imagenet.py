# ImageNet-1k (1,281,167 and 50,000 photos, 1,000 classes): train/ and val/.
# LatteCLIP's schedule and prompts are mmlatte's, in the manner of the
# paper's, and were not tuned.
_base_ = './imagenet.json'
import open_clip  # noqa: E402 (above _base_: a new-style config)

class_names = list(open_clip.IMAGENET_CLASSNAMES)
# open_clip names two classes missile and two sunglasses.
class_names[744], class_names[836] = 'projectile', 'sunglass'
dataset = dict(
    type='mmlatte.ClassFolder',
    data_root='data/imagenet',
    metainfo=dict(classes=class_names),
    by_name=False,
)
data = dict(
    model=dict(class_names=class_names, templates={{_base_.templates}}),
    train_dataloader=dict(dataset=dict(image_folder='train', **dataset)),
    val_dataloader=dict(dataset=dict(image_folder='val', **dataset)),
    test_dataloader=dict(dataset=dict(image_folder='val', **dataset)),
)
