#!/usr/bin/env python3
"""Renders picture.png, which the example reads (needs Pillow and the DejaVu fonts: Debian's python3-pil and fonts-dejavu)."""
import os
from PIL import Image, ImageDraw, ImageFont

FONTS = "/usr/share/fonts/truetype/dejavu/"
INK, PAPER, BAND = (32, 36, 48), (247, 244, 236), (28, 72, 104)


def text_image(text, font, color, background):
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (right - left + 20, bottom - top + 16), background)
    ImageDraw.Draw(image).text((10 - left, 8 - top), text, font=font, fill=color)
    return image


def main():
    font = lambda name, size: ImageFont.truetype(FONTS + name + ".ttf", size)
    page = Image.new("RGB", (640, 480), PAPER)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 640, 84), fill=BAND)
    draw.text((28, 20), "From Model to Program", font=font("DejaVuSans-Bold", 36), fill=(255, 255, 255))
    draw.text((28, 112), "Detection finds the lines,", font=font("DejaVuSerif", 30), fill=INK)
    draw.text((28, 166), "recognition reads them.", font=font("DejaVuSerif", 30), fill=INK)
    draw.line((28, 224, 612, 224), fill=(170, 160, 140), width=2)
    draw.text((28, 244), "Invoice No. 2047", font=font("DejaVuSans", 28), fill=INK)
    draw.text((392, 244), "17.03.2025", font=font("DejaVuSans", 28), fill=INK)
    draw.text((28, 300), "Total due:  1,389.60 EUR", font=font("DejaVuSans", 30), fill=(150, 30, 40))
    turned = text_image("This line stands on its head", font("DejaVuSans", 28), INK, (226, 232, 214))
    page.paste(turned.rotate(180), (18, 356))
    draw.text((28, 428), "6 x 7 = 42", font=font("DejaVuSans-Oblique", 28), fill=(20, 90, 60))
    page.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "picture.png"), optimize=True)


main()
