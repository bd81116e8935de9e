from .fit_loop import FitLoop
from .resumable_train_loop import ResumableTrainLoop

__all__ = ['FitLoop', 'ResumableTrainLoop']
