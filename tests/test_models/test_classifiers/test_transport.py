import numpy as np
import torch

from mmlatte.fits import fit_transport
from mmlatte.models import TransportClassifier


def test_starts_as_zero_shot_and_becomes_the_fit(make_frozen, tiny_model):
    frozen, truth = make_frozen(n=300, spread=0.35, seed=3)
    model = tiny_model(TransportClassifier, frozen.class_features)
    x = frozen.rows()
    with torch.no_grad():
        zero_shot = model(x).argmax(dim=1).numpy()
    assert (zero_shot == frozen.labels).all()
    model.fit(frozen)
    fit = fit_transport(frozen)
    with torch.no_grad():
        assert torch.equal(model(x), fit.classifier.logits(x))
    assert (fit.labels.numpy() == truth).mean() > (zero_shot == truth).mean()
    assert model.fitted_parameters == 4 * x.shape[1]


def test_a_checkpoint_alone_predicts(make_frozen, tiny_model):
    frozen, _ = make_frozen()
    texts = frozen.class_features
    model = tiny_model(TransportClassifier, texts)
    model.fit(frozen)
    other = tiny_model(TransportClassifier, np.roll(texts, 1, axis=0))
    other.load_state_dict(model.state_dict())
    x = make_frozen(seed=1)[0].rows()
    assert torch.equal(model(x), other(x))
