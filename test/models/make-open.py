#!/usr/bin/env python3
"""Writes open/*.onnx for open.test.ts: small models of kinds whose users choose sizes in each run, as PyTorch exports them. Needs torch."""
import os, warnings
import torch, torch.nn as nn
warnings.filterwarnings("ignore")
torch.manual_seed(1)


class Encoder(nn.Module):
    def __init__(s):
        super().__init__()
        s.e=nn.Embedding(50,32)
        s.p=nn.Parameter(torch.randn(1,128,32)*.1)
        s.t=nn.TransformerEncoder(nn.TransformerEncoderLayer(32,4,64,batch_first=True,activation="gelu"),2)
        s.o=nn.Linear(32,5)
    def forward(s,x,m):
        h=s.e(x)+s.p[:,:x.shape[1]]
        return s.o(s.t(h,src_key_padding_mask=(m==0)))


class Bert(nn.Module):
    def __init__(s):
        super().__init__()
        s.e=nn.Embedding(50,32)
        s.p=nn.Embedding(128,32)
        s.q=nn.Linear(32,32)
        s.k=nn.Linear(32,32)
        s.v=nn.Linear(32,32)
        s.o=nn.Linear(32,32)
        s.n=nn.LayerNorm(32)
        s.f=nn.Linear(32,64)
        s.g=nn.Linear(64,32)
        s.n2=nn.LayerNorm(32)
        s.pool=nn.Linear(32,32)
    def forward(s,x,m):
        h=s.e(x)+s.p(torch.arange(x.shape[1],device=x.device).unsqueeze(0).expand(x.shape))
        mask=(1.0-m[:,None,None,:].float())*-10000.0
        sp=lambda t: t.view(t.size()[:-1]+(4,8)).permute(0,2,1,3)
        q,k,v=sp(s.q(h)),sp(s.k(h)),sp(s.v(h))
        a=torch.softmax(q@k.transpose(-1,-2)/8**.5+mask,-1)@v
        a=a.permute(0,2,1,3).contiguous()
        a=a.view(a.size()[:-2]+(32,))
        h=s.n(h+s.o(a))
        h=s.n2(h+s.g(nn.functional.gelu(s.f(h))))
        return h, torch.tanh(s.pool(h[:,0]))


class Tagger(nn.Module):
    def __init__(s):
        super().__init__()
        s.e=nn.Embedding(50,16)
        s.l=nn.LSTM(16,12,2,batch_first=True,bidirectional=True)
        s.o=nn.Linear(24,5)
    def forward(s,x):
        return s.o(s.l(s.e(x))[0]).log_softmax(-1)


class Crnn(nn.Module):
    def __init__(s):
        super().__init__()
        s.c=nn.Sequential(nn.Conv2d(1,8,3,padding=1),nn.BatchNorm2d(8),nn.ReLU(),nn.MaxPool2d(2),nn.Conv2d(8,16,3,padding=1),nn.ReLU(),nn.MaxPool2d((2,1)))
        s.g=nn.GRU(16*4,12,bidirectional=True)
        s.o=nn.Linear(24,11)
    def forward(s,x):
        y=s.c(x)
        y=y.permute(3,0,1,2).flatten(2)
        return s.o(s.g(y)[0]).log_softmax(-1)


class Residual(nn.Module):
    def __init__(s):
        super().__init__()
        s.a=nn.Conv2d(3,8,3,2,1)
        s.b=nn.BatchNorm2d(8)
        s.c=nn.Conv2d(8,8,3,1,1)
        s.d=nn.BatchNorm2d(8)
        s.f=nn.Linear(8,4)
    def forward(s,x):
        y=s.b(s.a(x)).relu()
        y=(y+s.d(s.c(y))).relu()
        y=nn.functional.adaptive_avg_pool2d(y,1).flatten(1)
        return s.f(y)


TEXT = {0: "batch", 1: "sequence"}
IDS, MASK = torch.randint(0, 50, (2, 7)), torch.ones(2, 7, dtype=torch.int64)
for name, model, inputs, axes, opset in [
    ("encoder", Encoder(), {"ids": IDS, "mask": MASK}, {"ids": TEXT, "mask": TEXT}, 17), ("bert", Bert(), {"ids": IDS, "mask": MASK}, {"ids": TEXT, "mask": TEXT}, 13),
    ("tagger", Tagger(), {"ids": IDS}, {"ids": TEXT}, 14), ("crnn", Crnn(), {"x": torch.randn(2, 1, 16, 32)}, {"x": {0: "batch", 3: "W"}}, 14),
    ("residual", Residual(), {"x": torch.randn(2, 3, 16, 16)}, {"x": {0: "batch"}}, 16),
]:
    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "open", name + ".onnx")
    outputs = ["y", "pooled"] if name == "bert" else ["y"]
    torch.onnx.export(model.eval(), tuple(inputs.values()), file, input_names=list(inputs), output_names=outputs, dynamic_axes=axes, opset_version=opset)
