/* Circuits of cosearch/hw_tech.h. */
#include "cosearch/hw_tech.h"

#include <string.h>

/* ---- SRAM ---- */

enum { SIZES = 11, WIDTHS = 2 }; /* 1 KiB to 1 MiB in doublings; 16 and 64 bits */

/* read pJ, write pJ, leakage mW, area mm2: CACTI 7, cells and periphery itrs-lstp, 300 K, one
 * read-write port, one bank. */
typedef struct sram_table {
    int node_nm;
    double value[WIDTHS][SIZES][4];
} sram_table;

static const sram_table tables[] = {
    {65,
     {
         {{1.5705, 3.0169, 3.28711e-05, 0.00774},
          {3.6212, 3.4719, 6.68603e-05, 0.01479},
          {4.6659, 4.4487, 0.000131769, 0.02722},
          {8.5653, 6.13, 0.000245309, 0.05356},
          {16.323, 9.4517, 0.000462695, 0.10602},
          {18.6776, 11.8063, 0.00092539, 0.2203},
          {23.3721, 16.5008, 0.00185078, 0.45031},
          {39.8159, 23.9938, 0.00333228, 0.84856},
          {49.6145, 33.6353, 0.00662885, 1.66366},
          {64.9632, 48.984, 0.0132577, 3.29495},
          {85.9044, 69.9253, 0.0265154, 6.59934}},
         {{3.12, 6.4866, 2.96361e-05, 0.00751},
          {3.622, 10.5165, 5.81936e-05, 0.01406},
          {6.1677, 11.9532, 0.000131395, 0.02816},
          {11.1253, 14.6927, 0.000242862, 0.05481},
          {20.9833, 20.1146, 0.000456348, 0.10589},
          {30.1022, 28.6907, 0.000905885, 0.19793},
          {47.0445, 37.3036, 0.00165909, 0.43622},
          {59.3358, 49.595, 0.00331818, 0.89644},
          {100.581, 73.0956, 0.00630363, 1.74403},
          {126.208, 98.4091, 0.0125724, 3.43192},
          {174.538, 146.11, 0.0251183, 6.80867}},
     }},
    {45,
     {
         {{1.1549, 1.3565, 2.07571e-05, 0.00338},
          {1.9699, 1.8331, 4.73004e-05, 0.00709},
          {3.5184, 2.7046, 8.83749e-05, 0.01414},
          {4.7983, 3.2431, 0.000173333, 0.02567},
          {9.1727, 4.9635, 0.00032521, 0.05081},
          {10.4022, 6.193, 0.00065042, 0.10558},
          {15.3116, 10.3947, 0.0011868, 0.23156},
          {18.2046, 13.2044, 0.0023485, 0.44372},
          {23.9153, 18.9152, 0.004697, 0.89215},
          {35.1448, 25.5027, 0.00931802, 1.57919},
          {46.0031, 36.361, 0.018636, 3.16288}},
         {{1.6697, 3.4916, 2.08939e-05, 0.0036},
          {2.7557, 4.2391, 4.70123e-05, 0.00754},
          {3.3855, 6.4536, 9.28714e-05, 0.0135},
          {6.137, 7.8781, 0.000171523, 0.02627},
          {11.6097, 10.6968, 0.000320751, 0.05074},
          {17.0418, 15.3975, 0.000636667, 0.09486},
          {25.8695, 19.6486, 0.00116608, 0.20905},
          {32.2859, 26.065, 0.00233217, 0.42959},
          {44.7157, 38.4949, 0.00466433, 0.8721},
          {68.3493, 51.346, 0.00883631, 1.64464},
          {93.5192, 76.1829, 0.0176539, 3.26283}},
     }},
};

static const sram_table *table_of(int node_nm)
{
    return node_nm == CS_TECH_65NM ? &tables[0] : &tables[1];
}

/* Logarithm of one quantity at a place in units of table steps. */
static double between(const double (*row)[4], int quantity, double step)
{
    int i = (int)floor(step);
    i = i < 0 ? 0 : i > SIZES - 2 ? SIZES - 2 : i;
    const double a = log(row[i][quantity]), b = log(row[i + 1][quantity]);
    return a + (b - a) * (step - (double)i);
}

static double quantity_of(const sram_table *table, int quantity, double step, double wider)
{
    const double narrow = between(table->value[0], quantity, step);
    const double wide = between(table->value[1], quantity, step);
    return exp(narrow + (wide - narrow) * wider);
}

cs_tech_sram cs_tech_sram_of(int node_nm, double size_bits, double width_bits)
{
    const sram_table *table = table_of(node_nm);
    const double step = log2(fmax(size_bits, 1.0) / 8192.0);
    const double wider = log2(fmax(width_bits, 1.0) / 16.0) / 2.0;
    return (cs_tech_sram){.read_pj = quantity_of(table, 0, step, wider),
                          .write_pj = quantity_of(table, 1, step, wider),
                          .leak_w = 1e-3 * quantity_of(table, 2, step, wider),
                          .area_mm2 = quantity_of(table, 3, step, wider)};
}

/* ---- register files ---- */

/* Selection costs in proportion to the depth: 2.3e-4 pJ per bit and word in Interstellar's 28 nm
 * files, 3.1e-4 to 6e-4 in Accelergy's Eyeriss-like scratch pads at 32 nm. Grade: ours. */
#define SELECT_PJ_BIT_WORD 3e-4

double cs_tech_rf_pj_bit(double words)
{
    return CS_TECH_REGISTER_PJ_BIT + SELECT_PJ_BIT_WORD * (words > 1.0 ? words : 0.0);
}

/* ---- levels ---- */

static void set_energy(cs_nest_level *level, double read, double write)
{
    for (int t = 0; t < CS_TENSORS; t++) {
        level->read_pj_bit[t] = read;
        level->write_pj_bit[t] = write;
    }
}

void cs_tech_dram_level(cs_nest_level *level)
{
    level->capacity_bits = (double)INFINITY;
    level->area_mm2 = 0.0;
    set_energy(level, CS_TECH_DRAM_PJ_BIT, CS_TECH_DRAM_PJ_BIT);
}

void cs_tech_sram_level(cs_nest_level *level, int node_nm, double size_bits, double width_bits)
{
    const cs_tech_sram sram = cs_tech_sram_of(node_nm, size_bits, width_bits);
    level->capacity_bits = size_bits;
    level->area_mm2 = sram.area_mm2;
    set_energy(level, sram.read_pj / width_bits, sram.write_pj / width_bits);
}

void cs_tech_rf_level(cs_nest_level *level, double size_bits, double word_bits)
{
    const double pj = cs_tech_rf_pj_bit(size_bits / word_bits);
    level->capacity_bits = size_bits;
    level->area_mm2 = 1e-6 * CS_TECH_REGISTER_UM2_BIT * size_bits;
    set_energy(level, pj, pj);
}

void cs_tech_finish(cs_nest_arch *arch, double weight_bits, double input_bits, double sum_bits)
{
    arch->mul_pj = CS_TECH_MUL_PJ;
    arch->add_pj = CS_TECH_ADD_PJ;
    arch->mac_area_mm2 = 1e-6 * (CS_TECH_MUL_UM2 * weight_bits / 32.0 * input_bits / 32.0 +
                                 CS_TECH_ADD_UM2 * sum_bits / 32.0);
    arch->wiring = CS_TECH_WIRING;
    arch->static_w =
        cs_nest_area_mm2(arch) * CS_TECH_STATIC_W_MM2 * arch->clock_hz / CS_TECH_STATIC_CLOCK_HZ;
}

void cs_tech_normalise(cs_nest_arch *arch)
{
    const int last = arch->n_levels - 1;
    for (int l = 0; l <= last; l++) {
        const double word = l == 0 ? 200.0 : l == last ? 1.0 : 6.0;
        set_energy(&arch->level[l], word / 16.0, word / 16.0);
        arch->level[l].hop_pj_bit = 2.0 / 16.0;
    }
    arch->mul_pj = 4.0; /* (16/32)^2 of it is 1 */
    arch->add_pj = 0.0;
    arch->static_w = 0.0;
}
