# CPL, candidate pseudo-labels, with the quantiles of EuroSAT.
_base_ = ['./ifpl_rsclip_ucmerced.py']
model = dict(
    selection=dict(
        _delete_=True,
        type='mmlatte.CandidateSelection',
        alpha=0.75,
        beta=0.80,
    )
)
