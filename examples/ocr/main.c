/* ocr PICTURE.png [-v]: prints the lines of text in a picture; -v with their places and how sure the network is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ocr.h"
#include "ocr_detect.h"
#include "ocr_read.h"
#include "ocr_turn.h"

#if OCR_DETECT_INPUT0_COUNT != 3 * 480 * 640 || OCR_DETECT_OUTPUT0_COUNT != 480 * 640 || OCR_TURN_INPUT0_COUNT != 3 * 48 * 192 || \
    OCR_TURN_OUTPUT0_COUNT != 2 || OCR_READ_INPUT0_COUNT != 3 * 48 * 480 || OCR_READ_OUTPUT0_COUNT != 60 * 6625
#error "ocr.h and CMakeLists.txt disagree about the sizes of the networks"
#endif

extern const char ocr_keys[];
extern const size_t ocr_keys_size;

int main(int argc, char **argv) {
  static const struct networks networks = {ocr_detect_run, ocr_turn_run, ocr_read_run};
  static struct line lines[MOST_LINES];
  int verbose = argc == 3 && !strcmp(argv[2], "-v");
  struct image image;
  if (argc != 2 + verbose) {
    fprintf(stderr, "usage: ocr PICTURE.png [-v]\n");
    return 2;
  }
  const char *wrong = image_read_png(argv[1], &image);
  if (wrong) {
    fprintf(stderr, "ocr: %s %s\n", argv[1], wrong);
    return 1;
  }
  int count = read_picture(&image, &networks, ocr_keys, ocr_keys_size, lines);
  free(image.pixels);
  if (count < 0) {
    fprintf(stderr, "ocr: out of memory, or this processor cannot run the networks\n");
    return 1;
  }
  for (int i = 0; i < count; i++) {
    const struct line *l = &lines[i];
    if (l->confidence < 0.5f) continue;
    if (verbose) printf("(%d, %d) - (%d, %d) %.3f%s  ", l->box.left, l->box.top, l->box.right, l->box.bottom, l->confidence, l->turned ? " turned" : "");
    printf("%s\n", l->text);
  }
  return 0;
}
