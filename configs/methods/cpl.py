# CPL: IFPL with sets of candidate pseudo-labels (arXiv 2406.10502). With the
# published quantiles for EuroSAT.
_base_ = './ifpl.py'
method = [*_base_.method, 'cpl']
model = dict(
    selection=dict(
        _delete_=True,
        type='mmlatte.CandidateSelection',
        alpha=0.75,
        beta=0.80,
    )
)
