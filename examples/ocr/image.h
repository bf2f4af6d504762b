/* Pictures: 8 bits per channel, red, green, blue, row by row. */
#ifndef OCR_IMAGE_H
#define OCR_IMAGE_H

struct image {
  int width, height;
  unsigned char *pixels; /* width * height * 3 bytes, from malloc */
};
/* An upright rectangle; right and bottom lie outside it. */
struct box {
  int left, top, right, bottom;
};

/* Reads a PNG of 8 bits per channel that is not interlaced: grey, colour or palette, with or without transparency (which is
   dropped). Returns NULL or what is wrong, in which case `image` holds no pixels. */
const char *image_read_png(const char *path, struct image *image);

/* How pixels become a network's input: value * scale[c] + shift[c], for blue, green, red (the order the networks were
   trained with). */
struct normalisation {
  float scale[3], shift[3];
};
/* Draws the part `from` of the picture, turned by 180 degrees if asked, bilinearly scaled to width x height into the top left
   of a network's input: three planes of plane_height x plane_width. The rest becomes 0. */
void image_to_planes(const struct image *image, struct box from, int turned, int width, int height,
                     const struct normalisation *n, float *planes, int plane_width, int plane_height);

#endif
