# UC Merced out of the test assets (80 and 20 images per class). Extract
# data/UCMerced_LandUse.zip of the assets into data/ucmerced.
_base_ = '../../../configs/data/ucmerced.py'
dataset = dict(
    type='mmlatte.CoOpSplitDataset',
    split_file='{{$MMLATTE_TEST_ASSETS:assets}}/data/split_UCMerced.json',
    image_folder='UCMerced_LandUse/Images',
)
data = dict(
    model=dict(templates='a photo of a {}.'),
    train_dataloader=dict(dataset=dataset),
    val_dataloader=dict(dataset=dataset),
    test_dataloader=dict(dataset=dataset),
)
