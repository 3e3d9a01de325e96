/* Kernels for mixtures of quantisers, included after kernels_body.h. */

/* Codes of a vector before they are clamped, at the scale of m->s and m->t. */
INLINE vf mix_code(const cs_mix *m, vf z, int c)
{
    return v_fma(v_load(m->s + c), z, v_load(m->t + c));
}

/* Quantised value at bitwidth j. */
INLINE vf mix_value(const cs_mix *m, int j, vf u)
{
    const vf code = u * v_set(m->scale[j]);
    const vf in = v_min(v_set(m->top[j]), v_max(v_set(m->low[j]), code));
    return v_fma(v_round(in), v_set(m->step[j]), v_set(m->min));
}

INLINE void mix_rows(const int n, size_t rows, int cp, const cs_mix *m, const float *z, float *out,
                     float *const *copies)
{
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < cp; c += VW) {
            const size_t at = r * (size_t)cp + (size_t)c;
            PREFETCH(z + at);
            const vf u = mix_code(m, v_load(z + at), c);
            vf sum = v_zero();
            for (int j = 0; j < n; j++) {
                const vf v = mix_value(m, j, u);
                if (copies)
                    v_store(copies[j] + at, v);
                sum = v_fma(v_set(m->p[j]), v, sum);
            }
            v_store(out + at, sum);
        }
}

static void mix(size_t rows, int cp, const cs_mix *m, const float *z, float *out,
                float *const *copies)
{
    if (m->n == 2 && !copies)
        mix_rows(2, rows, cp, m, z, out, NULL);
    else if (m->n == 3 && !copies)
        mix_rows(3, rows, cp, m, z, out, NULL);
    else
        mix_rows(m->n, rows, cp, m, z, out, copies);
}

INLINE void mix_gate_rows(const int n, const bool clamp, const bool dotted, size_t rows, int cp,
                          const cs_mix *m, const cs_gate *gate, const float *g, float *out,
                          const cs_stats *stats, double *dots)
{
    const bool own = !clamp && gate->own, then = gate->then != NULL;
    const vf lo = v_set(own ? gate->own->lo : 0.0f), hi = v_set(own ? gate->own->hi : 0.0f);
    const vf lo2 = v_set(then ? gate->then->lo : 0.0f), hi2 = v_set(then ? gate->then->hi : 0.0f);
    vf dot[CS_MIX_MAX];
    for (int j = 0; j < n; j++)
        dot[j] = v_zero();
    for (int c = 0; c < cp; c += VW) {
        const vf s = own ? v_load(gate->own->s + c) : v_zero();
        const vf t = own ? v_load(gate->own->t + c) : v_zero();
        const vf s2 = then ? v_load(gate->then->s + c) : v_zero();
        const vf t2 = then ? v_load(gate->then->t + c) : v_zero();
        vf sum = v_zero(), product_sum = v_zero();
        for (size_t r = 0; r < rows; r++) {
            const size_t at = r * (size_t)cp + (size_t)c;
            vf x = v_load(gate->x + at), y = v_load(g + at), passed = v_zero();
            if (clamp || dotted) {
                const vf u = mix_code(m, x, c);
                for (int j = 0; j < n; j++) {
                    const vf code = u * v_set(m->scale[j]);
                    if (dotted)
                        dot[j] = v_fma(y, mix_value(m, j, u), dot[j]);
                    if (clamp)
                        passed = passed + v_between(code, v_set(m->low[j]), v_set(m->top[j]),
                                                    v_set(m->p[j]));
                }
            }
            if (clamp)
                y = y * passed;
            else if (own)
                y = v_between(v_fma(s, x, t), lo, hi, y);
            if (gate->add)
                y = y + v_load(gate->add + at);
            if (then) {
                x = v_load(gate->z + at);
                y = v_between(v_fma(s2, x, t2), lo2, hi2, y);
            }
            v_store(out + at, y);
            sum = sum + y;
            product_sum = v_fma(y, x, product_sum);
        }
        if (stats) {
            v_add_to(stats->sum + c, sum);
            v_add_to(stats->square + c, product_sum);
        }
    }
    for (int j = 0; dotted && j < n; j++) {
        float lane[VW];
        v_store(lane, dot[j]);
        for (int i = 0; i < VW; i++)
            dots[j] += (double)lane[i];
    }
}

static void mix_gate(size_t rows, int cp, const cs_mix *m, bool clamp, const cs_gate *gate,
                     const float *g, float *out, const cs_stats *stats, double *dots)
{
    if (!clamp && !dots)
        mix_gate_rows(0, false, false, rows, cp, m, gate, g, out, stats, NULL);
    else if (clamp && dots && m->n == 2)
        mix_gate_rows(2, true, true, rows, cp, m, gate, g, out, stats, dots);
    else
        mix_gate_rows(m->n, clamp, dots != NULL, rows, cp, m, gate, g, out, stats, dots);
}
