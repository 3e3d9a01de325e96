/* What the corrected FPGA models share: DSP packing, block RAM shapes, windows of tiles. */
#ifndef CS_HW_FPGA_PARTS_H
#define CS_HW_FPGA_PARTS_H

#include <assert.h>
#include <stdint.h>

/* Cycles from the first operands of a pass over a tile to its first result (Zhang et al. 2015). */
#define FPGA_PIPELINE_FILL 20
/* A weight bank of up to so many bits is LUT RAM and costs no block RAM. */
#define FPGA_LUT_RAM_BITS 1024
/* PS DDR3 of the ZC706 as measured by Qiu et al. (FPGA 2016): 4.2 GB/s. */
#define FPGA_DRAM_BITS_PER_S (4.2e9 * 8.0)

static inline int64_t fpga_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t fpga_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Everything divided here is a size of one tile or map in words or bits: far below 2^32, where
 * division is several times faster than on 64 bits. */
static inline int64_t fpga_ceil_div(int64_t a, int64_t b)
{
    assert(a >= 0 && b > 0 && a + b <= UINT32_MAX);
    return (int64_t)(((uint32_t)a + (uint32_t)b - 1) / (uint32_t)b);
}

/* Products of two `bits`-wide operands per DSP48E1 and cycle: 4 up to 4 bits, 2 up to 8, else 1.
 * Arithmetic of the 25x18 ports and 48-bit accumulator (UG479) with shared operands and one guard
 * bit, never more than published designs reach (2 at 8 bits, 4 at 4 bits). */
static inline int32_t fpga_products_per_dsp(int32_t bits)
{
    return bits <= 4 ? 4 : bits <= 8 ? 2 : 1;
}

/* Block RAMs of 18 Kbit for one bank: 16Kx1, 8Kx2, 4Kx4, 2Kx9, 1Kx18. */
static inline int64_t fpga_bank_brams(int64_t words, int32_t bits)
{
    const int64_t depth = bits <= 1   ? 16384
                          : bits <= 2 ? 8192
                          : bits <= 4 ? 4096
                          : bits <= 9 ? 2048
                                      : 1024;
    return fpga_ceil_div(words, depth);
}

static inline int64_t fpga_weight_brams(int64_t words, int32_t bits)
{
    return words * bits <= FPGA_LUT_RAM_BITS ? 0 : fpga_bank_brams(words, bits);
}

/* Input rows (or columns) read for all output tiles of side `tile` of a map with sides in and out,
 * padding kernel / 2 excluded: every tile reads the rows its window covers, so neighbours overlap.
 * Tile i covers the rows i*tile*stride - pad .. that + window - 1 of which 0..in-1 exist. */
static inline int64_t fpga_rows_read(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                                     int64_t tile)
{
    const int64_t pad = kernel / 2, tiles = fpga_ceil_div(out, tile);
    const int64_t last = out - (tiles - 1) * tile; /* output rows of the last tile */
    int64_t rows = (tiles - 1) * ((tile - 1) * stride + kernel) + (last - 1) * stride + kernel;
    for (int64_t i = 0; i < tiles && i * tile * stride < pad; i++)
        rows -= pad - i * tile * stride;
    for (int64_t i = tiles - 1; i >= 0; i--) {
        const int64_t outputs = i == tiles - 1 ? last : tile;
        const int64_t end =
            (i * tile + outputs - 1) * stride - pad + kernel; /* one past its rows */
        if (end <= in)
            break;
        rows -= end - in;
    }
    return rows;
}

#endif
