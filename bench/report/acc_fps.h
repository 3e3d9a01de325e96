/* Parts of figure acc-fps: rows and traces to a data file, data file to a gnuplot script. */
#ifndef CS_ACC_FPS_H
#define CS_ACC_FPS_H

#include "report/campaign.h"
#include <stdio.h>

#define ACC_FPS_CELLS_MAX 12
#define ACC_FPS_METHODS_MAX 24
#define ACC_FPS_SERIES_MAX (ACC_FPS_CELLS_MAX * ACC_FPS_METHODS_MAX * 3)

typedef enum acc_fps_mark { ACC_FPS_EVALUATED, ACC_FPS_INFEASIBLE, ACC_FPS_ANSWER } acc_fps_mark;

typedef struct acc_fps_series { /* one block of the data file */
    size_t cell, method;
    acc_fps_mark kind;
    int index; /* gnuplot's number of the block */
} acc_fps_series;

typedef struct acc_fps_cell { /* rows compared with each other: same data, platform and limits */
    size_t row;               /* first row of the cell */
    double fps_min;
    double fps_lo, fps_hi, acc_lo, acc_hi; /* percent */
    bool infeasible_seen, spread_seen, optimum_seen;
} acc_fps_cell;

typedef struct acc_fps {
    cs_campaign campaign;
    acc_fps_cell cells[ACC_FPS_CELLS_MAX];
    const char *methods[ACC_FPS_METHODS_MAX];
    acc_fps_series series[ACC_FPS_SERIES_MAX];
    size_t n_cells, n_methods, n_series, points, traces_missing;
    FILE *dat;
} acc_fps;

/* Reads the open campaign and writes the data file, filling cells, methods and series. */
cs_status acc_fps_write_data(acc_fps *f, cs_error *err);
/* Writes the gnuplot script; `dat` is the name of the data file as the script sees it. */
void acc_fps_write_script(FILE *gp, const acc_fps *f, const char *dat);

#endif
