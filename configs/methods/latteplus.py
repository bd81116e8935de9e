# LattePlus, ours: label spreading and EM on frozen features; its rules were
# chosen on ten image sets, EuroSAT among them.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/fit.py',
    '../_base_/method_runtime.py',
]
method = ['latteplus']
model = dict(
    type='mmlatte.LattePlusClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    as_prototypes=True,
)
