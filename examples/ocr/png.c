/* A small PNG reader: the file format, inflate (RFC 1950, RFC 1951) and the five line filters. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

struct bits {
  const unsigned char *data;
  size_t size, at;
  uint32_t held;
  int count, failed;
};
static unsigned take(struct bits *b, int n) {
  while (b->count < n) {
    if (b->at == b->size) b->failed = 1;
    b->held |= (uint32_t)(b->at < b->size ? b->data[b->at++] : 0) << b->count;
    b->count += 8;
  }
  unsigned value = b->held & ((1u << n) - 1);
  b->held >>= n;
  b->count -= n;
  return value;
}

/* A Huffman code: how many words of each length, and the symbols in the order of their words. */
struct code {
  unsigned short counts[16], symbols[288];
};
static void make_code(struct code *c, const unsigned char *lengths, int n) {
  unsigned short next[16] = {0};
  memset(c->counts, 0, sizeof c->counts);
  for (int i = 0; i < n; i++) c->counts[lengths[i]]++;
  c->counts[0] = 0;
  for (int i = 1; i < 15; i++) next[i + 1] = (unsigned short)(next[i] + c->counts[i]);
  for (int i = 0; i < n; i++)
    if (lengths[i]) c->symbols[next[lengths[i]]++] = (unsigned short)i;
}
static int symbol(struct bits *b, const struct code *c) {
  int word = 0, first = 0, index = 0;
  for (int length = 1; length < 16 && !b->failed; length++) {
    word |= (int)take(b, 1);
    int count = c->counts[length];
    if (word - first < count) return c->symbols[index + word - first];
    index += count;
    first = (first + count) << 1;
    word <<= 1;
  }
  b->failed = 1;
  return 0;
}

/* Lengths and distances: symbol i from 4 (or 2) on has (i - 4) / 4 (or (i - 2) / 2) extra bits. */
static int extended(struct bits *b, int i, int per, int base) {
  int extra = i < 2 * per ? 0 : i / per - 1;
  int start = i < 2 * per ? i : (per + i % per) << extra;
  return base + start + (int)take(b, extra);
}
static void read_codes(struct bits *b, struct code *literals, struct code *distances) {
  static const unsigned char order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  int nl = (int)take(b, 5) + 257, nd = (int)take(b, 5) + 1, nc = (int)take(b, 4) + 4, n = 0;
  unsigned char lengths[320] = {0};
  struct code c;
  for (int i = 0; i < nc; i++) lengths[order[i]] = (unsigned char)take(b, 3);
  make_code(&c, lengths, 19);
  memset(lengths, 0, sizeof lengths);
  while (n < nl + nd && !b->failed) {
    int s = symbol(b, &c), times = 1, value = s;
    if (s == 16) value = n ? lengths[n - 1] : 0, times = 3 + (int)take(b, 2);
    if (s == 17) value = 0, times = 3 + (int)take(b, 3);
    if (s == 18) value = 0, times = 11 + (int)take(b, 7);
    while (times-- > 0 && n < nl + nd) lengths[n++] = (unsigned char)value;
  }
  if (nl > 288) b->failed = 1;
  else make_code(literals, lengths, nl), make_code(distances, lengths + nl, nd);
}
/* Unpacks exactly `size` bytes; 0 where the data is damaged. */
static int inflate(const unsigned char *data, size_t length, unsigned char *out, size_t size) {
  struct bits b = {data, length, 2, 0, 0, length < 6};
  struct code literals, distances;
  size_t n = 0;
  for (int last = 0; !last && !b.failed;) {
    last = (int)take(&b, 1);
    unsigned kind = take(&b, 2);
    if (kind == 0) {
      b.held = 0, b.count = 0;
      size_t count = take(&b, 16);
      take(&b, 16);
      if (count > b.size - b.at || count > size - n) return 0;
      memcpy(out + n, b.data + b.at, count);
      n += count, b.at += count;
      continue;
    }
    if (kind == 3) return 0;
    if (kind == 2) {
      read_codes(&b, &literals, &distances);
    } else {
      unsigned char lengths[288];
      for (int i = 0; i < 288; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
      make_code(&literals, lengths, 288);
      memset(lengths, 5, 30);
      make_code(&distances, lengths, 30);
    }
    for (int s; !b.failed && (s = symbol(&b, &literals)) != 256;) {
      if (s < 256) {
        if (n == size) return 0;
        out[n++] = (unsigned char)s;
        continue;
      }
      if (s > 285) return 0;
      size_t count = (size_t)(s == 285 ? 258 : extended(&b, s - 257, 4, 3));
      int d = symbol(&b, &distances);
      size_t back = (size_t)extended(&b, d, 2, 1);
      if (d > 29 || back > n || count > size - n) return 0;
      for (; count; count--, n++) out[n] = out[n - back];
    }
  }
  return !b.failed && n == size;
}

static int paeth(int a, int b, int c) {
  int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}
/* Undoes the filter of each line in place; a line is its filter's number and `stride` bytes. */
static int unfilter(unsigned char *lines, int height, int stride, int step) {
  for (int y = 0; y < height; y++) {
    unsigned char *line = lines + (size_t)y * (size_t)(stride + 1), filter = *line++;
    const unsigned char *above = y ? line - stride - 1 : NULL;
    if (filter > 4) return 0;
    for (int x = 0; x < stride; x++) {
      int a = x < step ? 0 : line[x - step], b = above ? above[x] : 0, c = above && x >= step ? above[x - step] : 0;
      int predicted[5] = {0, a, b, (a + b) / 2, paeth(a, b, c)};
      line[x] = (unsigned char)(line[x] + predicted[filter]);
    }
  }
  return 1;
}

static uint32_t big(const unsigned char *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

static const char *decode(const unsigned char *file, size_t size, struct image *image) {
  static const unsigned char channels[7] = {1, 0, 3, 1, 2, 0, 4};
  const unsigned char *palette = NULL;
  unsigned char *packed, *lines;
  size_t length = 0, colors = 0;
  const char *wrong = NULL;
  if (size < 45 || memcmp(file, "\x89PNG\r\n\x1a\n", 8) || memcmp(file + 12, "IHDR", 4)) return "is no PNG file";
  uint32_t w = big(file + 16), h = big(file + 20);
  int kind = file[25];
  if (w == 0 || h == 0 || w > 16384 || h > 16384) return "is empty or larger than 16384 pixels a side";
  if (file[24] != 8 || kind > 6 || channels[kind] == 0 || file[28]) return "is not of 8 bits per channel, or interlaced";
  if (!(packed = malloc(size))) return "does not fit into memory";
  for (size_t at = 8; size - at >= 12 && big(file + at) <= size - at - 12; at += big(file + at) + 12) {
    if (!memcmp(file + at + 4, "IDAT", 4)) memcpy(packed + length, file + at + 8, big(file + at)), length += big(file + at);
    if (!memcmp(file + at + 4, "PLTE", 4)) palette = file + at + 8, colors = big(file + at) / 3;
  }
  int step = channels[kind], stride = (int)w * step;
  size_t unpacked = (size_t)h * (size_t)(stride + 1);
  lines = malloc(unpacked);
  image->pixels = malloc((size_t)w * h * 3);
  if (!lines || !image->pixels) wrong = "does not fit into memory";
  else if (!inflate(packed, length, lines, unpacked) || !unfilter(lines, (int)h, stride, step)) wrong = "is damaged";
  for (size_t i = 0; !wrong && i < (size_t)w * h; i++) {
    const unsigned char *p = lines + i / w * (size_t)(stride + 1) + 1 + i % w * (size_t)step;
    if (kind == 3 && *p >= colors) wrong = "is damaged: a color is not in the palette";
    else if (kind == 3) memcpy(image->pixels + 3 * i, palette + 3 * *p, 3);
    else if (step >= 3) memcpy(image->pixels + 3 * i, p, 3);
    else memset(image->pixels + 3 * i, *p, 3);
  }
  free(lines);
  free(packed);
  image->width = (int)w, image->height = (int)h;
  return wrong;
}

const char *image_read_png(const char *path, struct image *image) {
  FILE *f = fopen(path, "rb");
  unsigned char *file = NULL;
  const char *wrong = "cannot be read";
  long size = -1;
  image->pixels = NULL;
  if (f && !fseek(f, 0, SEEK_END) && (size = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET) && (file = malloc((size_t)size)) &&
      fread(file, 1, (size_t)size, f) == (size_t)size)
    wrong = decode(file, (size_t)size, image);
  if (wrong) {
    free(image->pixels);
    image->pixels = NULL;
  }
  free(file);
  if (f) fclose(f);
  return wrong;
}
