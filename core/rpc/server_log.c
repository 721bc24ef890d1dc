/*
 * rpc/server_log: gRPC's log, which goes nowhere but for one line. When the process has no file descriptor
 * or memory left for a new connection, gRPC 1.51 stops listening for good and says so only there.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <grpc/support/log.h>

#include "rpc/server_i.h"

static atomic_uint_least64_t accept_failures;
static pthread_mutex_t accept_lock = PTHREAD_MUTEX_INITIALIZER;
static char accept_reason[128];

static void log_hears(gpr_log_func_args *args)
{
    /* A listener that is being closed says so in the same words, for another reason. */
    static const char *const wants[] = {"Too many open files", "Cannot allocate memory",
                                        "No buffer space"};
    const char *at = args->message ? strstr(args->message, "Failed accept") : NULL;
    bool short_of = false;
    for (size_t i = 0; at && i < LY_COUNT(wants); i++)
        short_of = short_of || strstr(at, wants[i]) != NULL;
    if (!short_of)
        return;
    const char *colon = strstr(at, ": ");
    pthread_mutex_lock(&accept_lock);
    (void)snprintf(accept_reason, sizeof accept_reason, "%s", colon ? colon + 2 : at);
    pthread_mutex_unlock(&accept_lock);
    atomic_fetch_add(&accept_failures, 1);
}

void ly_rpc_server_deaf_reason(char *dst, size_t size)
{
    pthread_mutex_lock(&accept_lock);
    (void)snprintf(dst, size, "%s", accept_reason);
    pthread_mutex_unlock(&accept_lock);
}

void ly_rpc_log_hear(void)
{
    gpr_set_log_function(log_hears);
}

uint64_t ly_rpc_log_accept_failures(void)
{
    return atomic_load(&accept_failures);
}

bool ly_rpc_server_deaf(const ly_rpc_server *server)
{
    return ly_rpc_log_accept_failures() != server->accept_failures;
}
