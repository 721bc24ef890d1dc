/*
 * Similarity of two texts, 0 to 1, without a model. Pure functions; vectors in judges-and-
 * statistics.md §1.14. Characters are code points; token rules are named at each function.
 * NaN means that it cannot be said (too long, or no memory).
 */
#ifndef LY_JUDGES_METRIC_H
#define LY_JUDGES_METRIC_H

#include "base/str.h"

/* Longest texts that are compared: the distance takes time and memory by the product. */
#define LY_METRIC_MAX_CHARS 20000

/* 1 - distance / longer length, by code point; two empty texts are 1. */
double ly_metric_levenshtein(ly_str a, ly_str b);
double ly_metric_jaro_winkler(ly_str a, ly_str b);
/* ROUGE F1 over lower-case [a-z0-9]+ tokens, no stemming: n = 1 or 2; L = longest common subsequence. */
double ly_metric_rouge(ly_str output, ly_str reference, int n);
double ly_metric_rouge_l(ly_str output, ly_str reference);
/* Sentence BLEU-4, 13a tokens, exponential smoothing, one reference; 0 to 1. */
double ly_metric_bleu(ly_str output, ly_str reference);
/* SQuAD token F1: lower case, no punctuation, no a/an/the. */
double ly_metric_f1(ly_str output, ly_str reference);

#endif
