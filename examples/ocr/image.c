#include "image.h"

#include <string.h>

/* Where a pixel of the scaled picture lies in the other: between pixels `low` and `high`, `part` of the way. */
struct spot {
  int low, high;
  float part;
};
static struct spot spot_of(int i, float step, int size) {
  float at = ((float)i + 0.5f) * step - 0.5f;
  if (at < 0) at = 0;
  if (at > (float)(size - 1)) at = (float)(size - 1);
  int low = (int)at;
  struct spot s = {low, low + 1 < size ? low + 1 : low, at - (float)low};
  return s;
}

void image_to_planes(const struct image *image, struct box from, int turned, int width, int height,
                     const struct normalisation *n, float *planes, int plane_width, int plane_height) {
  int w = from.right - from.left, h = from.bottom - from.top;
  float step_x = (float)w / (float)width, step_y = (float)h / (float)height;
  memset(planes, 0, sizeof *planes * 3 * (size_t)plane_width * (size_t)plane_height);
  for (int y = 0; y < height; y++) {
    struct spot v = spot_of(turned ? height - 1 - y : y, step_y, h);
    for (int x = 0; x < width; x++) {
      struct spot u = spot_of(turned ? width - 1 - x : x, step_x, w);
      for (int c = 0; c < 3; c++) {
        const unsigned char *p = image->pixels + 2 - c;
#define PIXEL(row, column) (float)p[3 * ((size_t)(from.top + (row)) * (size_t)image->width + (size_t)(from.left + (column)))]
        float upper = PIXEL(v.low, u.low) * (1 - u.part) + PIXEL(v.low, u.high) * u.part;
        float lower = PIXEL(v.high, u.low) * (1 - u.part) + PIXEL(v.high, u.high) * u.part;
#undef PIXEL
        float value = upper * (1 - v.part) + lower * v.part;
        planes[((size_t)c * (size_t)plane_height + (size_t)y) * (size_t)plane_width + (size_t)x] = value * n->scale[c] + n->shift[c];
      }
    }
  }
}
