"""LatteCLIP (arXiv 2410.08211) without a framework, on made images.

z image feature, t text feature, m prototype, y pseudo-label, v target of the
loss, s logit scale, alpha momentum, as in the paper. Prints the accuracy on
test images; at this size the second pseudo-label brings most of the gain.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlatte.models import (
    ContrastiveLoss,
    DynamicFeatureMixer,
    PrototypeMemory,
)

CLASSES = 'forest river road field lake town harbour orchard'.split()
KINDS = ('a photo of a', 'there is a', 'all show a')  # class, image, group
TEXTS = [f'{kind} {name}' for kind in KINDS for name in CLASSES]
WORDS = sorted({word for text in TEXTS for word in text.split()})
PIXELS, WIDTH, STEPS = 192, 32, 100
torch.manual_seed(0)
LOOKS = torch.randn(len(CLASSES), PIXELS)  # how the classes look everywhere
DOMAIN = 5 * torch.randn(PIXELS)  # what our images add to that, all of them


class TinyCLIP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Linear(PIXELS, 64), nn.ReLU(), nn.Linear(64, WIDTH)
        )
        self.words = nn.EmbeddingBag(len(WORDS), WIDTH)
        self.logit_scale = nn.Parameter(torch.tensor(2.0))

    def encode_image(self, images: Tensor) -> Tensor:
        return F.normalize(self.image(images), dim=1)

    def encode_text(self, texts: list[str]) -> Tensor:
        ids = [torch.tensor([[*map(WORDS.index, t.split())]]) for t in texts]
        return F.normalize(torch.cat([self.words(i) for i in ids]), dim=1)


def take_photos(count: int, domain: Tensor | float) -> tuple[Tensor, Tensor]:
    y = torch.randint(len(CLASSES), (count,))
    return LOOKS[y] + domain + 4 * torch.randn(count, PIXELS), y


def step(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# A CLIP as one downloads it: trained on photos with captions, not on ours.
clip, info_nce = TinyCLIP(), ContrastiveLoss()
optimizer = torch.optim.AdamW(clip.parameters(), lr=3e-3)
for _ in range(STEPS):
    x, y = take_photos(64, domain=0.0)
    z, t = clip.encode_image(x), clip.encode_text(TEXTS)[y]
    step(info_nce(z, t, clip.logit_scale.exp(), y), optimizer)

# Our images. The true classes serve the score and the simulated LMM alone.
x_train, truth = take_photos(1000, DOMAIN)
x_test, y_test = take_photos(1000, DOMAIN)

# Frozen CLIP, once: prototypes m and zero-shot labels y^Z.
memory = PrototypeMemory(CLASSES, embed_dim=WIDTH, momentum=0.01)
with torch.no_grad():
    memory.reset(clip.encode_text(TEXTS[:8]))
    y_zero_shot = (clip.encode_image(x_train) @ memory.prototypes.T).argmax(1)
    before = (clip.encode_image(x_test) @ memory.prototypes.T).argmax(1)

# The LMM is right about two images of three. Of a group, four images of one
# zero-shot class, it names what it sees most often.
seen = torch.where(torch.rand(1000) < 2 / 3, truth, torch.randint(8, (1000,)))
peers = (y_zero_shot == y_zero_shot[:, None]).float()
image_text = 8 + seen  # rows of TEXTS
group_text = 16 + seen[peers.multinomial(4)].mode(dim=1).values

mixer = DynamicFeatureMixer()
optimizer = torch.optim.AdamW(clip.parameters(), lr=1e-3, weight_decay=0.2)
for _ in range(STEPS):
    i = torch.randperm(1000)[:128]
    peer = peers[i].multinomial(1).flatten()  # whose group text, redrawn
    z, t, m = clip.encode_image(x_train[i]), clip.encode_text(TEXTS), memory
    loss, s = torch.tensor(0.0), clip.logit_scale.exp().clamp(max=100)
    for y in (y_zero_shot[i], (z @ m.prototypes.T).argmax(dim=1)):  # Z and F
        index = torch.stack([y, image_text[i], group_text[peer]], dim=1)
        mixed, _ = mixer(t, index, m.prototypes)  # sum_k w_k t_k / sum_k w_k
        v = m.blend(mixed, y)  # m_y + alpha (t - m_y)
        loss = loss + info_nce(z, v, s, y)  # L_Z + L_F
        m.collect(v, y)
    step(loss, optimizer)
    m.step()  # m_c = normalize(mean of v over all images of class c)

after = (clip.encode_image(x_test) @ memory.prototypes.T).argmax(dim=1)
for name, y in (('zero-shot', before), ('LatteCLIP', after)):
    print(f'{name}: {100 * (y == y_test).double().mean():.1f} %')
