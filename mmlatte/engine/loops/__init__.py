from .fit_loop import FitLoop
from .frozen_val_loop import FrozenValLoop
from .resumable_train_loop import ResumableTrainLoop

__all__ = ['FitLoop', 'FrozenValLoop', 'ResumableTrainLoop']
