/* The provider that the LLM benchmarks call, and the bare libcurl-multi loop that is their ceiling. */
#ifndef BENCH_STUB_H
#define BENCH_STUB_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A loopback listener; port 0 = any free one. -1 after a message. */
int bench_stub_listen(int port, int *ret_port);
/* One thread, epoll, HTTP/1.1 kept alive, a fixed chat completion after delay_ns. Does not return. */
void bench_stub_serve(int listener, int64_t delay_ns);

typedef struct rate {
    double per_second, cpu_us;
} rate;

/* CPU of this process, the stub's not among it: on a busy machine the steadier figure. */
int64_t bench_cpu_ns(void);
rate bench_rate_of(size_t total, int64_t wall_ns, int64_t used_ns);
/* The same body `total` times, `ahead` in flight, over curl_multi and nothing else. */
rate bench_bare(const char *url, ly_str body, size_t total, size_t ahead);

#endif
