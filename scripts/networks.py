"""Networks that torchvision does not have, as plain PyTorch: MobileNet v1 (arXiv 1704.04861) and BlazeFace (arXiv 1907.05047)."""
import torch
from torch import nn
from torch.nn import functional as F


def mobilenet_v1():
    """Width 1.0, 1000 classes."""
    def separable(cin, cout, stride):
        return [nn.Conv2d(cin, cin, 3, stride, 1, groups=cin, bias=False), nn.BatchNorm2d(cin), nn.ReLU6(),
                nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU6()]
    layers, channels = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()], 32
    for cout, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        layers += separable(channels, cout, stride)
        channels = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))


class BlazeBlock(nn.Module):
    """5x5 depthwise in the paper; 3x3 in the published front-camera model, which this is."""

    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.stride, self.more = stride, cout - cin
        self.depthwise = nn.Conv2d(cin, cin, 3, stride, 0 if stride == 2 else 1, groups=cin)
        self.pointwise = nn.Conv2d(cin, cout, 1)

    def forward(self, x):
        skip = F.max_pool2d(x, 2) if self.stride == 2 else x
        inner = F.pad(x, (0, 1, 0, 1)) if self.stride == 2 else x
        if self.more:
            skip = F.pad(skip, (0, 0, 0, 0, 0, self.more))
        return F.relu(self.pointwise(self.depthwise(inner)) + skip)


class BlazeFace(nn.Module):
    """Boxes and points of 896 anchors, and how sure each is, side by side: [batch, 896, 17]."""

    def __init__(self):
        super().__init__()
        def blocks(widths):
            return nn.Sequential(*[BlazeBlock(a, abs(b), 2 if b < 0 else 1) for a, b in zip(map(abs, widths), widths[1:])])
        self.first = nn.Conv2d(3, 24, 5, 2)
        self.fine = blocks([24, 24, 28, -32, 36, 42, -48, 56, 64, 72, 80, 88])
        self.coarse = blocks([88, -96, 96, 96, 96, 96])
        self.scores = nn.ModuleList([nn.Conv2d(88, 2, 1), nn.Conv2d(96, 6, 1)])
        self.boxes = nn.ModuleList([nn.Conv2d(88, 32, 1), nn.Conv2d(96, 96, 1)])

    def forward(self, x):
        x = F.relu(self.first(F.pad(x, (1, 2, 1, 2))))
        fine = self.fine(x)
        maps = [fine, self.coarse(fine)]
        def rows(heads, width):
            return torch.cat([head(m).permute(0, 2, 3, 1).reshape(x.shape[0], -1, width) for head, m in zip(heads, maps)], 1)
        return torch.cat([rows(self.boxes, 16), rows(self.scores, 1)], 2)


def blazeface():
    """The front camera's: 128 x 128 pixels."""
    return BlazeFace()
