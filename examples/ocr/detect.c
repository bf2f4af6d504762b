/* The post-processing of a differentiable-binarisation detector (Liao et al., "Real-time Scene Text Detection with Differentiable
   Binarization", 2020), for upright lines: threshold, connected parts, their boxes, grown by how much the network shrinks text. */
#include <stdlib.h>

#include "ocr.h"

static const float threshold = 0.3f, box_threshold = 0.6f, growth = 1.6f;
enum { LEAST_SIDE = 3 };

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

/* Marks the connected part that holds `start` as seen, and returns its bounding box. `stack` has room for all pixels. */
static struct box part_at(const float *map, int width, int height, int start, unsigned char *seen, int *stack) {
  struct box b = {start % DETECT_WIDTH, start / DETECT_WIDTH, 0, 0};
  int n = 0;
  stack[n++] = start;
  seen[start] = 1;
  while (n) {
    int at = stack[--n], x = at % DETECT_WIDTH, y = at / DETECT_WIDTH;
    b.left = least(b.left, x), b.right = most(b.right, x + 1);
    b.top = least(b.top, y), b.bottom = most(b.bottom, y + 1);
    for (int v = most(y - 1, 0); v <= least(y + 1, height - 1); v++)
      for (int u = most(x - 1, 0); u <= least(x + 1, width - 1); u++) {
        int next = v * DETECT_WIDTH + u;
        if (!seen[next] && map[next] > threshold) seen[next] = 1, stack[n++] = next;
      }
  }
  return b;
}
static float mean_in(const float *map, struct box b) {
  double sum = 0;
  for (int y = b.top; y < b.bottom; y++)
    for (int x = b.left; x < b.right; x++) sum += map[y * DETECT_WIDTH + x];
  return (float)(sum / ((b.bottom - b.top) * (b.right - b.left)));
}

int find_boxes(const float *map, int width, int height, struct box *boxes) {
  unsigned char *seen = calloc(DETECT_WIDTH * DETECT_HEIGHT, 1);
  int *stack = malloc(sizeof *stack * DETECT_WIDTH * DETECT_HEIGHT), count = 0;
  if (!seen || !stack) count = -1;
  for (int y = 0; count >= 0 && y < height; y++)
    for (int x = 0; x < width && count < MOST_LINES; x++) {
      int at = y * DETECT_WIDTH + x;
      if (seen[at] || map[at] <= threshold) continue;
      struct box b = part_at(map, width, height, at, seen, stack);
      int w = b.right - b.left, h = b.bottom - b.top;
      if (w < LEAST_SIDE || h < LEAST_SIDE || mean_in(map, b) < box_threshold) continue;
      int more = (int)((float)(w * h) * growth / (float)(2 * (w + h)) + 0.5f);
      struct box grown = {most(b.left - more, 0), most(b.top - more, 0), least(b.right + more, width), least(b.bottom + more, height)};
      boxes[count++] = grown;
    }
  free(stack);
  free(seen);
  return count;
}

static int by_top(const void *a, const void *b) { return ((const struct box *)a)->top - ((const struct box *)b)->top; }
static int by_left(const void *a, const void *b) { return ((const struct box *)a)->left - ((const struct box *)b)->left; }

void order_boxes(struct box *boxes, int count) {
  qsort(boxes, (size_t)count, sizeof *boxes, by_top);
  for (int from = 0, to; from < count; from = to) {
    int middle = (boxes[from].top + boxes[from].bottom) / 2;
    for (to = from + 1; to < count && boxes[to].top < middle; to++) {
    }
    qsort(boxes + from, (size_t)(to - from), sizeof *boxes, by_left);
  }
}
