/* Compiler attributes behind names, so that no other file spells one out. */
#ifndef LY_BASE_ATTR_H
#define LY_BASE_ATTR_H

#if defined(__GNUC__) || defined(__clang__)
#define LY_MUST_USE          __attribute__((warn_unused_result))
#define LY_PRINTF(f, a)      __attribute__((format(printf, f, a)))
#define LY_UNUSED            __attribute__((unused))
#define LY_LIKELY(x)         __builtin_expect(!!(x), 1)
#define LY_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define LY_FALLTHROUGH       __attribute__((fallthrough))
#define LY_NORETURN          __attribute__((noreturn))
#define LY_EXPORT            __attribute__((visibility("default")))
#define LY_PREFETCH_WRITE(p) __builtin_prefetch((p), 1)
#else
#define LY_MUST_USE
#define LY_PRINTF(f, a)
#define LY_UNUSED
#define LY_LIKELY(x)   (x)
#define LY_UNLIKELY(x) (x)
#define LY_FALLTHROUGH
#define LY_NORETURN
#define LY_EXPORT
#define LY_PREFETCH_WRITE(p) ((void)(p))
#endif

/* Number of elements of a true array. */
#define LY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
