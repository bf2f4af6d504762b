#include "ocr.h"

#include <stdlib.h>
#include <string.h>

/* The character of a class: a line of `keys` for 1, 2, ..., and a space for the class after the last line. */
static const char *character(const char *keys, size_t size, int class, size_t *length) {
  const char *end = keys + size, *line = keys;
  for (; class > 1 && line < end; class--) {
    const char *next = memchr(line, '\n', (size_t)(end - line));
    line = next ? next + 1 : end;
  }
  const char *stop = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
  *length = (size_t)((stop ? stop : end) - line);
  if (*length && line[*length - 1] == '\r') --*length;
  if (line == end) *length = 1;
  return line == end ? " " : line;
}

float decode_text(const float *characters, const char *keys, size_t keys_size, char *text, size_t size) {
  float sum = 0;
  int before = 0, count = 0;
  size_t at = 0;
  for (int step = 0; step < READ_STEPS; step++) {
    const float *p = characters + (size_t)step * READ_CLASSES;
    int best = 0;
    for (int i = 1; i < READ_CLASSES; i++)
      if (p[i] > p[best]) best = i;
    if (best && best != before) {
      size_t length;
      const char *c = character(keys, keys_size, best, &length);
      if (at + length + 1 > size) break;
      memcpy(text + at, c, length);
      at += length;
      sum += p[best];
      count++;
    }
    before = best;
  }
  text[at] = 0;
  return count ? sum / (float)count : 0;
}

/* Detection was trained on mean and deviation per channel, the others on -1 .. 1. */
static const struct normalisation photo = {{1 / 255.f / 0.229f, 1 / 255.f / 0.224f, 1 / 255.f / 0.225f},
                                           {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f}};
static const struct normalisation even = {{2 / 255.f, 2 / 255.f, 2 / 255.f}, {-1, -1, -1}};

/* A line's width when its height becomes LINE_HEIGHT; longer lines are squeezed. */
static int scaled_width(struct box b, int most) {
  int w = (LINE_HEIGHT * (b.right - b.left) + b.bottom - b.top - 1) / (b.bottom - b.top);
  return w < most ? w : most;
}
static int scale(int n, int from, int to) { return (int)(((long)n * to + from / 2) / from); }

struct buffers {
  float picture[3 * DETECT_WIDTH * DETECT_HEIGHT], map[DETECT_WIDTH * DETECT_HEIGHT];
  float line[3 * LINE_HEIGHT * READ_WIDTH], characters[READ_STEPS * READ_CLASSES];
  struct box boxes[MOST_LINES];
};
/* The boxes of a picture's lines, in its own pixels and in reading order. */
static int detect_lines(const struct image *image, const struct networks *networks, struct buffers *b) {
  struct box whole = {0, 0, image->width, image->height};
  int wide = (long)image->width * DETECT_HEIGHT > (long)image->height * DETECT_WIDTH;
  int w = wide ? DETECT_WIDTH : scale(image->width, image->height, DETECT_HEIGHT);
  int h = wide ? scale(image->height, image->width, DETECT_WIDTH) : DETECT_HEIGHT;
  if (w < 1) w = 1;
  if (h < 1) h = 1;
  image_to_planes(image, whole, 0, w, h, &photo, b->picture, DETECT_WIDTH, DETECT_HEIGHT);
  if (networks->detect(b->picture, b->map)) return -1;
  int count = find_boxes(b->map, w, h, b->boxes);
  for (int i = 0; i < count; i++) {
    struct box *x = &b->boxes[i];
    x->left = scale(x->left, w, image->width), x->right = scale(x->right, w, image->width);
    x->top = scale(x->top, h, image->height), x->bottom = scale(x->bottom, h, image->height);
  }
  if (count > 0) order_boxes(b->boxes, count);
  return count;
}

int read_picture(const struct image *image, const struct networks *networks, const char *keys, size_t keys_size, struct line *lines) {
  struct buffers *b = malloc(sizeof *b);
  int count = b ? detect_lines(image, networks, b) : -1;
  for (int i = 0; i < count; i++) {
    struct line *line = &lines[i];
    float directions[2];
    line->box = b->boxes[i];
    image_to_planes(image, line->box, 0, scaled_width(line->box, TURN_WIDTH), LINE_HEIGHT, &even, b->line, TURN_WIDTH, LINE_HEIGHT);
    if (networks->turn(b->line, directions)) count = -1;
    line->turned = directions[1] > 0.9f;
    image_to_planes(image, line->box, line->turned, scaled_width(line->box, READ_WIDTH), LINE_HEIGHT, &even, b->line, READ_WIDTH, LINE_HEIGHT);
    if (count < 0 || networks->read(b->line, b->characters)) count = -1;
    else line->confidence = decode_text(b->characters, keys, keys_size, line->text, sizeof line->text);
  }
  free(b);
  return count;
}
