/*
 * Threads: what the kernel is told about one. Starting and joining is pthread's own.
 */
#ifndef LY_BASE_THREAD_H
#define LY_BASE_THREAD_H

/* Asks the kernel to run the calling thread soon after it wakes, in turn for short slices (0.1 ms, the shortest
 * that there is; its part of the processor stays the same). For threads that somebody waits for and that
 * sleep often: those that receive, and the one that holds SQLite's lock while the disk works. Needs no rights;
 * Linux before 6.12 knows no slices of a thread's own, and then nothing changes. */
void ly_thread_prompt(void);

#endif
