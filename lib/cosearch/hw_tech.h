/* Energy, area and leakage of circuits: what the ASIC cost models are priced with.
 *
 * Sources, with what they are: Accelergy's Aladdin plug-in (40 nm, 1 GHz; Shao et al. ISCA 2014)
 * for multipliers, adders and registers; CACTI 7 (itrs-lstp, one read-write port) for SRAM,
 * calculated, not measured; LPDDR4 as in Accelergy, 512 pJ per 64 bits; the Eyeriss chip (JSSC
 * 2017) for power that does not depend on work, fitted by us to its 18 measured layers. */
#ifndef CS_HW_TECH_H
#define CS_HW_TECH_H

#include "cosearch/loopnest.h"

#define CS_TECH_MUL_PJ 12.68   /* multiplication of 32 x 32 bits, scales with the widths */
#define CS_TECH_ADD_PJ 0.21    /* addition of 32 bits, scales with the width */
#define CS_TECH_MUL_UM2 6350.0 /* area of the same */
#define CS_TECH_ADD_UM2 278.0
#define CS_TECH_REGISTER_PJ_BIT 0.009 /* one access of one bit */
#define CS_TECH_REGISTER_UM2_BIT 5.98
#define CS_TECH_DRAM_PJ_BIT 8.0
#define CS_TECH_HOP_PJ_BIT                                                                         \
    0.03                   /* between neighbours in an array: 0.15 pJ per bit and mm               \
                              over 0.2 mm; grade: ours */
#define CS_TECH_WIRING 0.2 /* of all other area */

/* Eyeriss: 215 mW beside 5.9 pJ per multiplication, 168 PEs on a core of 12.25 mm2 at 200 MHz,
 * 65 nm, 1.0 V. */
#define CS_TECH_EYERISS_STATIC_W 0.215
#define CS_TECH_EYERISS_MAC_PJ 5.9
#define CS_TECH_STATIC_W_MM2 (CS_TECH_EYERISS_STATIC_W / 12.25)
#define CS_TECH_STATIC_CLOCK_HZ 200e6

/* One SRAM macro. Energies are per access of the full width. */
typedef struct cs_tech_sram {
    double read_pj, write_pj, leak_w, area_mm2;
} cs_tech_sram;

enum { CS_TECH_65NM = 65, CS_TECH_45NM = 45 };

/* SRAM of a size and port width, by interpolation in log size (1 KiB to 1 MiB) and log width (16 to
 * 64 bits) of the logarithms of CACTI's results; smaller and larger ones continue the nearest
 * segment. Other nodes than 65 take 45. */
cs_tech_sram cs_tech_sram_of(int node_nm, double size_bits, double width_bits);

/* Register file of a number of words, per bit read or written: a register access and a selection in
 * proportion to the depth. */
double cs_tech_rf_pj_bit(double words);

/* Levels of a hierarchy. Fan-out, bandwidth, name and what may be kept are the caller's. */
void cs_tech_dram_level(cs_nest_level *level);
void cs_tech_sram_level(cs_nest_level *level, int node_nm, double size_bits, double width_bits);
void cs_tech_rf_level(cs_nest_level *level, double size_bits, double word_bits);

/* Multiply-accumulate energies and area at the widest operands the unit takes, wires, and static
 * power from the resulting area and clock_hz; call it last. */
void cs_tech_finish(cs_nest_arch *arch, double weight_bits, double input_bits, double sum_bits);

/* Normalised energies as in papers after Eyeriss: MAC 1, register file 1, array 2, buffer 6, DRAM
 * 200 per 16-bit word, linear in bits and, for the MAC, in the product of the operand widths. The
 * outermost level is DRAM, the innermost the register file, the others buffers. Units of energy
 * are MACs instead of pJ. */
void cs_tech_normalise(cs_nest_arch *arch);

#endif
