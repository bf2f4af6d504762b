/* From a picture to the lines of text in it: detection, direction and recognition around three networks. */
#ifndef OCR_OCR_H
#define OCR_OCR_H

#include <stddef.h>

#include "image.h"

/* What the networks are compiled for; see CMakeLists.txt. */
enum {
  DETECT_WIDTH = 640,
  DETECT_HEIGHT = 480,
  LINE_HEIGHT = 48,
  TURN_WIDTH = 192,
  READ_WIDTH = 480,
  READ_STEPS = READ_WIDTH / 8,
  READ_CLASSES = 6625
};
/* Each takes one picture as three planes and returns 0, or an error of the network's.
   detect: how likely each pixel is text, DETECT_HEIGHT x DETECT_WIDTH.
   turn:   how likely the line is upright, and upside down.
   read:   for each step along the line, how likely each character is; class 0 stands for none. */
struct networks {
  int (*detect)(const float *picture, float *text);
  int (*turn)(const float *line, float *directions);
  int (*read)(const float *line, float *characters);
};

enum { MOST_LINES = 256 };

/* Boxes around lines of text, grown from the cores that detection marks; at most MOST_LINES. `map` has `width` x `height`
   pixels in use, rows of DETECT_WIDTH. */
int find_boxes(const float *map, int width, int height, struct box *boxes);
/* Puts boxes into reading order: rows from the top, and from the left in a row. */
void order_boxes(struct box *boxes, int count);
/* The text of READ_STEPS x READ_CLASSES likelihoods, in UTF-8, cut at `size` bytes. Returns the mean likelihood of its
   characters, 0 where there are none. `keys` holds a character per line. */
float decode_text(const float *characters, const char *keys, size_t keys_size, char *text, size_t size);

struct line {
  struct box box;
  int turned;
  float confidence;
  char text[512];
};
/* Reads a picture; `lines` has room for MOST_LINES. Returns their number, or -1 where memory or a network fails. */
int read_picture(const struct image *image, const struct networks *networks, const char *keys, size_t keys_size, struct line *lines);

#endif
