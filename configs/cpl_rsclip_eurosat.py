# CPL, candidate pseudo-labels (arXiv 2406.10502): sets of classes, with the
# published quantiles for EuroSAT.
_base_ = ['./ifpl_rsclip_eurosat.py']
model = dict(
    selection=dict(
        _delete_=True,
        type='mmlatte.CandidateSelection',
        alpha=0.75,
        beta=0.80,
    )
)
