/*
 * collector: the byte budget of all requests in hand, from the first byte read to the answer.
 *
 * HTTP tells a request's size in its header, so that much is taken before a byte is read. gRPC does
 * not: an estimate is taken, the largest message of late, and corrected when the message is here.
 */
#include "collector/impl.h"

#define ESTIMATE_MIN LY_KIB(64)

bool ly_budget_take(ly_budget *budget, size_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    /* Two of a size are always taken, however large: while one is written the next is read. */
    bool fits =
        budget->used <= bytes || (bytes <= budget->max && budget->used <= budget->max - bytes);
    if (fits)
        budget->used += bytes;
    pthread_mutex_unlock(&budget->lock);
    return fits;
}

void ly_budget_force(ly_budget *budget, size_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    budget->used += bytes;
    pthread_mutex_unlock(&budget->lock);
}

void ly_budget_give(ly_collector *c, size_t bytes)
{
    if (bytes == 0)
        return;
    pthread_mutex_lock(&c->budget.lock);
    c->budget.used -= bytes;
    pthread_mutex_unlock(&c->budget.lock);
    ly_grpc_pump(c);
    ly_http_pump(c);
}

void ly_budget_receiving(ly_budget *budget, int change)
{
    pthread_mutex_lock(&budget->lock);
    budget->receiving = (size_t)((int64_t)budget->receiving + change);
    pthread_mutex_unlock(&budget->lock);
}

size_t ly_budget_estimate(ly_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    size_t estimate = budget->estimate;
    pthread_mutex_unlock(&budget->lock);
    return estimate > ESTIMATE_MIN ? estimate : ESTIMATE_MIN;
}

void ly_budget_learn(ly_budget *budget, size_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    if (bytes > budget->estimate)
        budget->estimate = bytes;
    else
        budget->estimate -= (budget->estimate - bytes) / 64;
    pthread_mutex_unlock(&budget->lock);
}
