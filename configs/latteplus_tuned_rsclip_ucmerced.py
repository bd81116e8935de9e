# LattePlus with the small CLIP of the test assets, whose image tower then
# learns what was found: DPA's self-training from another start.
_base_ = ['./dpa_rsclip_ucmerced.py']
model = dict(type='mmlatte.LattePlusTunedClassifier')
# However many images there are: see latteplus_tuned_vitb32_folder.py.
param_scheduler = dict(max_path=0.045)
