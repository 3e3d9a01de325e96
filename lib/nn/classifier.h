/* Global average pool and linear classifier at the end of a graph: a view of what belongs to it. */
#ifndef CS_NN_CLASSIFIER_H
#define CS_NN_CLASSIFIER_H

#include "cosearch/rng.h"
#include "nn/engine.h"

typedef struct cs_classifier {
    int features, features_p, classes, classes_p;
    size_t pixels;           /* of the feature map                                              */
    const float *w, *b;      /* [features][classes_p], [classes_p]                              */
    float *t;                /* w transposed: [classes_p][features_p]                           */
    float *pooled, *dpooled; /* [n][features_p]                                               */
    float *logits, *dlogits; /* [n][classes_p]                                                */
} cs_classifier;

/* Weights normal with deviation 0.001; padding must be 0. */
void cs_classifier_init(float *w, int features, int classes, cs_rng *rng);
void cs_classifier_prepare(const cs_classifier *c);
/* x [n][pixels][features_p] into c->logits. */
void cs_classifier_forward(cs_engine *engine, const cs_classifier *c, const float *x, size_t n);
/* From c->dlogits: dw += and db += (both NULL: not wanted), and the gradient of x into dx. */
void cs_classifier_back(cs_engine *engine, const cs_classifier *c, float *dw, float *db, float *dx,
                        size_t n);

#endif
