/* `synth`: a procedural data set in the CIFAR record format, for tests and for machines without
 * data. 10 classes = 2 shapes (disc, ring) x 5
 * fillings (stripes along x, along y, along a diagonal, chequered, plain). Position, size, colours,
 * polarity, phase and noise are random, so that the mean images of the classes hardly differ: a
 * linear classifier stays near chance, a small convolutional network does not. Only IEEE-exact
 * operations (+ - * / sqrt) are used, so the bytes are the same on every machine. */
#ifndef CS_DATASETS_SYNTH_H
#define CS_DATASETS_SYNTH_H

#include "cosearch/status.h"
#include <stdint.h>

#define CS_SYNTH_CLASSES 10
#define CS_SYNTH_PIXELS (3 * 32 * 32)

/* Image `index` of the stream (seed, class): planes [c][y][x]. */
void cs_synth_image(uint64_t seed, uint32_t class, uint32_t index, uint8_t planes[CS_SYNTH_PIXELS]);

typedef enum cs_synth_format { CS_SYNTH_CIFAR10, CS_SYNTH_CIFAR100 } cs_synth_format;

/* Writes a set of synthetic images as official-format files below data_dir (made if missing):
 * cifar-10-batches-bin/{data_batch_1..5,test_batch}.bin with n_train / 5 records each, or
 * cifar-100-binary/{train,test}.bin. Labels go round
 * the classes. n_train: a multiple of 5. CS_EIO if a file cannot be written. For mirrors and
 * tests. */
cs_status cs_synth_write(const char *data_dir, cs_synth_format format, uint32_t n_train,
                         uint32_t n_test, uint64_t seed, cs_error *err);

#endif
