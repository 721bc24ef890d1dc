/*
 * Threads: what the kernel is told about one, and how one waits for another. Starting and joining is pthread's own.
 */
#ifndef LY_BASE_THREAD_H
#define LY_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Asks the kernel to run the calling thread soon after it wakes, in turn for short slices (0.1 ms, the shortest
 * that there is; its part of the processor stays the same). For threads that somebody waits for and that
 * sleep often: those that receive, and the one that holds SQLite's lock while the disk works. Needs no rights;
 * Linux before 6.12 knows no slices of a thread's own, and then nothing changes. */
void ly_thread_prompt(void);

/* Starts a thread that takes no signals, which are the starter's: but for faults, whose handlers put back what
 * must not stay (the viewer's terminal) and which a thread that blocks them dies of without. False: none started. */
bool ly_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* A condition whose waits end by the monotonic clock: pthread's own end by the wall clock, and one that is set
 * back an hour makes them an hour longer. */
void ly_cond_init(pthread_cond_t *cond);
/* Waits with `lock` held until it is woken (true) or `until_ns` of ly_mono_ns() has come (false). As with
 * pthread's it may wake without a reason. */
bool ly_cond_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns);

#endif
