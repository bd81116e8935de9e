# UC Merced out of the test assets (80 and 20 images per class), for the small
# CLIP. Extract data/UCMerced_LandUse.zip of the assets into data/ucmerced.
_base_ = ['./eurosat_rsclip.py']
class_names = [
    'agricultural field',
    'airplane',
    'baseball diamond',
    'beach',
    'buildings',
    'chaparral',
    'dense residential area',
    'forest',
    'freeway',
    'golf course',
    'harbor',
    'intersection',
    'medium residential area',
    'mobile home park',
    'overpass',
    'parking lot',
    'river',
    'runway',
    'sparse residential area',
    'storage tanks',
    'tennis court',
]
templates = 'a photo of a {}.'
dataset = dict(
    _delete_=True,
    type='mmlatte.CoOpSplitDataset',
    data_root='data/ucmerced',
    split_file='{{$MMLATTE_TEST_ASSETS:assets}}/data/split_UCMerced.json',
    image_folder='UCMerced_LandUse/Images',
    metainfo=dict(classes=class_names),
)
train_dataloader = dict(
    dataset=dict(split='train', pipeline=_base_.train_pipeline, **dataset)
)
val_dataloader = dict(
    dataset=dict(split='test', pipeline=_base_.test_pipeline, **dataset)
)
test_dataloader = val_dataloader
