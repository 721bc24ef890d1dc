/* collector: listening sockets, and who has the port when we cannot have it. */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/impl.h"

bool ly_address_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (!address || ly_str_eq_nocase(ly_str_c(address), LY_S("localhost")))
        return true;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, address, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return false;
}

ly_status ly_address_check(const char *address, ly_err *err)
{
    struct in6_addr number;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found = NULL;
    bool v4 = address[strspn(address, "0123456789.")] == 0, v6 = strchr(address, ':') != NULL;
    /* What is written as a number needs no name server. */
    bool good = v4   ? inet_pton(AF_INET, address, &number) == 1
                : v6 ? inet_pton(AF_INET6, address, &number) == 1 || strchr(address, '%')
                     : getaddrinfo(address, NULL, &hints, &found) == 0;
    if (found)
        freeaddrinfo(found);
    return good ? LY_OK
                : LY_FAIL(err, LY_E_INVALID,
                          "--listen: \"%s\" is no address; give one of this machine's, such as "
                          "127.0.0.1, ::1, 0.0.0.0 (all) or its name",
                          address);
}

/* ---- who has it ---- */

/* The inode of the socket that listens on the port, 0 when there is none in this table. */
static unsigned long listening_inode(const char *table, int port)
{
    FILE *file = fopen(table, "re");
    if (!file)
        return 0;
    char line[512];
    unsigned long inode = 0;
    while (!inode && fgets(line, sizeof line, file)) {
        unsigned local = 0, state = 0;
        unsigned long found = 0;
        /* sl local_address:port rem_address:port st tx:rx tr:when retrnsmt uid timeout inode */
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
                   &local, &state, &found) == 3 &&
            local == (unsigned)port && state == 0x0A)
            inode = found;
    }
    fclose(file);
    return inode;
}

static bool has_socket(int pid, unsigned long inode)
{
    char path[64], want[64], link[64];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    snprintf(want, sizeof want, "socket:[%lu]", inode);
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    bool found = false;
    struct dirent *entry;
    while (!found && (entry = readdir(dir))) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);
        if (n > 0) {
            link[n] = 0;
            found = strcmp(link, want) == 0;
        }
    }
    closedir(dir);
    return found;
}

static void name_of(int pid, char *dst, size_t size)
{
    char path[64], comm[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file) {
        if (!fgets(comm, sizeof comm, file))
            comm[0] = 0;
        fclose(file);
    }
    comm[strcspn(comm, "\n")] = 0;
    snprintf(dst, size, "%s (pid %d)", comm[0] ? comm : "a process", pid);
}

/* Who listens on a TCP port, for error texts: "python3 (pid 4711)", or "" when it cannot be said. */
static void port_owner(int port, char *dst, size_t size)
{
    if (size)
        dst[0] = 0;
    unsigned long inode = listening_inode("/proc/net/tcp", port);
    if (!inode)
        inode = listening_inode("/proc/net/tcp6", port);
    DIR *proc = inode ? opendir("/proc") : NULL;
    if (!proc)
        return;
    struct dirent *entry;
    while ((entry = readdir(proc))) {
        int64_t pid;
        if (ly_str_to_i64(ly_str_c(entry->d_name), &pid) && pid > 0 && pid < INT32_MAX &&
            has_socket((int)pid, inode)) {
            name_of((int)pid, dst, size);
            break;
        }
    }
    closedir(proc);
}

/* ---- binding ---- */

static ly_status bind_failed(const char *address, int port, int code, ly_err *err)
{
    if (code == EADDRINUSE) {
        char owner[128];
        port_owner(port, owner, sizeof owner);
        return LY_FAIL(err, LY_E_BUSY,
                       "port %d is in use%s%s; give another port, or 0 for a free one", port,
                       owner[0] ? " by " : "", owner);
    }
    if (code == EACCES)
        return LY_FAIL(err, LY_E_DENIED, "port %d needs privileges; give one above 1023", port);
    return LY_FAIL(err, LY_E_INVALID, "cannot listen on %s port %d: %s", address, port,
                   strerror(code));
}

static int bind_one(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, 512) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len))
        return 0;
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

ly_status ly_listen(const char *address, int port, int *ret_fd, int *ret_port, ly_err *err)
{
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(address, service, &hints, &found);
    if (failed)
        return LY_FAIL(err, LY_E_INVALID, "address %s: %s", address, gai_strerror(failed));
    int fd = bind_one(found);
    int code = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return bind_failed(address, port, code, err);
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return LY_OK;
}
