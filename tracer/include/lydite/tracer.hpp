/*
 * lydite/tracer.hpp: the C interface with scopes. C++11, header only; every call is one of tracer.h.
 *
 *     lydite::tracer tracer;                                     // from the environment
 *     {
 *         auto agent = tracer.start(LYDITE_AGENT, "researcher");
 *         auto call = tracer.start(LYDITE_GENERATION, "gpt-4o-mini");   // child of agent
 *         call.provider("openai").text(LYDITE_INPUT, "user", question).tokens(12, 5);
 *     }                                                          // both end, inner first
 *     if (tracer.close(2000) != LYDITE_OK) std::cerr << tracer.report() << '\n';
 *
 * A span that ends because an exception passes through its scope is marked as failed. Objects move and
 * are not copied. Texts may be literals, std::string or, from C++17, std::string_view; a NULL text is not
 * known and sets nothing. Nothing here throws but std::bad_alloc from std::string, and it compiles
 * without exceptions and RTTI. A tracer that could not be opened is empty, tells why in error(), and
 * everything on it does nothing.
 */
#ifndef LYDITE_TRACER_HPP
#define LYDITE_TRACER_HPP

#include <lydite/tracer.h>

#include <exception>
#include <string>
#include <type_traits>
#if __cplusplus >= 201703L
#include <string_view>
#endif

namespace lydite
{

/* A text argument: a C string as it is, or what stands for one. Lives as long as the call. */
class text_arg
{
  public:
    text_arg(const char *text) noexcept : text_(text)
    {
    }
    text_arg(const std::string &text) noexcept : text_(text.c_str())
    {
    }
#if __cplusplus >= 201703L
    text_arg(std::string_view text) : own_(text), text_(own_.c_str())
    {
    }
#endif
    text_arg(const text_arg &) = delete;
    text_arg &operator=(const text_arg &) = delete;
    operator const char *() const noexcept
    {
        return text_;
    }

  private:
    std::string own_;
    const char *text_;
};

class span
{
  public:
    span() noexcept = default;
    /* Takes over a span of the C interface. */
    explicit span(lydite_span *raw) noexcept : raw_(raw), unwinding_(unwinding())
    {
    }
    span(span &&other) noexcept : raw_(other.release()), unwinding_(other.unwinding_)
    {
    }
    span &operator=(span &&other) noexcept
    {
        if (this != &other) {
            end();
            unwinding_ = other.unwinding_;
            raw_ = other.release();
        }
        return *this;
    }
    span(const span &) = delete;
    span &operator=(const span &) = delete;
    ~span()
    {
        if (raw_ && unwinding() > unwinding_)
            lydite_set_error(raw_, "exception", "an exception left the scope");
        end();
    }

    void end() noexcept
    {
        lydite_end(release());
    }
    lydite_span *get() const noexcept
    {
        return raw_;
    }
    /* The span is the caller's to end. */
    lydite_span *release() noexcept
    {
        lydite_span *raw = raw_;
        raw_ = nullptr;
        return raw;
    }
    bool recording() const noexcept
    {
        return lydite_recording(raw_);
    }
    std::string traceparent() const
    {
        char out[56];
        lydite_traceparent(raw_, out);
        return out;
    }

    /* key must be a literal, as everywhere. */
    span &set(const char *key, const std::string &value)
    {
        lydite_set_str_n(raw_, key, value.data(), value.size());
        return *this;
    }
    span &set(const char *key, const char *value)
    {
        return lydite_set_str(raw_, key, value), *this;
    }
#if __cplusplus >= 201703L
    span &set(const char *key, std::string_view value)
    {
        return lydite_set_str_n(raw_, key, value.data(), value.size()), *this;
    }
#endif
    /* Any arithmetic type, and no pointer by mistake. An integer past INT64_MAX is set as that. */
    template <class T>
    typename std::enable_if<std::is_arithmetic<T>::value, span &>::type set(const char *key,
                                                                            T value) noexcept
    {
        return number(key, value, kind<T>()), *this;
    }

    span &provider(const text_arg &name)
    {
        return lydite_set_provider(raw_, name), *this;
    }
    span &response_model(const text_arg &name)
    {
        return lydite_set_response_model(raw_, name), *this;
    }
    span &text(int direction, const text_arg &role, const text_arg &content)
    {
        return lydite_add_text(raw_, direction, role, content), *this;
    }
    span &tokens(int64_t input, int64_t output)
    {
        return lydite_set_tokens(raw_, input, output), *this;
    }
    span &usage(const lydite_usage &usage)
    {
        return lydite_set_usage(raw_, &usage), *this;
    }
    span &finish(const text_arg &reason)
    {
        return lydite_set_finish_reason(raw_, reason), *this;
    }
    span &first_token()
    {
        return lydite_first_token(raw_), *this;
    }
    span &query(const text_arg &text, int64_t top_k = LYDITE_UNKNOWN)
    {
        return lydite_set_query(raw_, text, top_k), *this;
    }
    span &document(const text_arg &id, double score, const text_arg &content)
    {
        return lydite_add_document(raw_, id, score, content), *this;
    }
    span &tool_call(const text_arg &id, const text_arg &arguments)
    {
        return lydite_set_tool_call(raw_, id, arguments), *this;
    }
    span &tool_result(const text_arg &result)
    {
        return lydite_set_tool_result(raw_, result), *this;
    }
    span &session(const text_arg &id)
    {
        return lydite_set_session(raw_, id), *this;
    }
    span &user(const text_arg &id)
    {
        return lydite_set_user(raw_, id), *this;
    }
    span &error(const text_arg &type, const text_arg &message)
    {
        return lydite_set_error(raw_, type, message), *this;
    }
    /* Marks the span as failed and adds the exception event. */
    span &exception(const std::exception &e)
    {
        lydite_add_exception(raw_, "std::exception", e.what(), nullptr);
        return error("std::exception", e.what());
    }

  private:
    struct truth {
    };
    struct real {
    };
    struct natural {
    };
    struct integer {
    };
    template <class T>
    using kind = typename std::conditional<
        std::is_same<T, bool>::value, truth,
        typename std::conditional<std::is_floating_point<T>::value, real,
                                  typename std::conditional<std::is_unsigned<T>::value, natural,
                                                            integer>::type>::type>::type;
    void number(const char *key, bool value, truth) noexcept
    {
        lydite_set_bool(raw_, key, value);
    }
    void number(const char *key, long double value, real) noexcept
    {
        lydite_set_double(raw_, key, static_cast<double>(value));
    }
    void number(const char *key, unsigned long long value, natural) noexcept
    {
        lydite_set_int(raw_, key, value > INT64_MAX ? INT64_MAX : static_cast<int64_t>(value));
    }
    void number(const char *key, long long value, integer) noexcept
    {
        lydite_set_int(raw_, key, value);
    }

    static int unwinding() noexcept
    {
#if defined(__cpp_lib_uncaught_exceptions)
        return std::uncaught_exceptions();
#else
        return std::uncaught_exception() ? 1 : 0;
#endif
    }
    lydite_span *raw_ = nullptr;
    int unwinding_ = 0;
};

class tracer
{
  public:
    tracer()
    {
        open(nullptr);
    }
    explicit tracer(const lydite_options &options)
    {
        open(&options);
    }
    tracer(tracer &&other) noexcept
        : raw_(other.raw_), error_(other.error_), stats_(other.stats_), result_(other.result_)
    {
        other.raw_ = nullptr;
    }
    /* Closes the one that was here. */
    tracer &operator=(tracer &&other) noexcept
    {
        if (this != &other) {
            close(2000);
            raw_ = other.raw_;
            error_ = other.error_;
            stats_ = other.stats_;
            result_ = other.result_;
            other.raw_ = nullptr;
        }
        return *this;
    }
    tracer(const tracer &) = delete;
    tracer &operator=(const tracer &) = delete;
    ~tracer()
    {
        close(2000);
    }

    /* Waits for all to be settled, at most so long. Later calls do nothing. */
    int close(unsigned timeout_ms) noexcept
    {
        if (raw_) {
            stats_ = LYDITE_STATS_INIT;
            result_ = lydite_close(raw_, timeout_ms, &stats_);
            raw_ = nullptr;
        }
        return result_;
    }
    int flush(unsigned timeout_ms) noexcept
    {
        return lydite_flush(raw_, timeout_ms, nullptr);
    }
    lydite_stats stats() const noexcept
    {
        lydite_stats s = LYDITE_STATS_INIT;
        if (!raw_)
            return stats_;
        lydite_stats_get(raw_, &s);
        return s;
    }
    /* "12 spans, 12 acknowledged, 0 dropped" */
    std::string report() const
    {
        char text[LYDITE_TEXT_MAX];
        const lydite_stats s = stats();
        return lydite_stats_text(&s, text, sizeof text);
    }
    const char *error() const noexcept
    {
        return error_.text;
    }
    explicit operator bool() const noexcept
    {
        return raw_ != nullptr;
    }
    lydite_tracer *get() const noexcept
    {
        return raw_;
    }

    span start(lydite_type type, const text_arg &name) noexcept
    {
        return span(lydite_start(raw_, type, name));
    }
    span start(lydite_type type, const text_arg &name, const lydite_start_options &options) noexcept
    {
        return span(lydite_start_with(raw_, type, name, &options));
    }

  private:
    void open(const lydite_options *options) noexcept
    {
        error_ = lydite_error();
        stats_ = LYDITE_STATS_INIT;
        (void)lydite_open(options, &raw_, &error_);
    }
    lydite_tracer *raw_ = nullptr;
    lydite_error error_;
    lydite_stats stats_;
    int result_ = LYDITE_OK;
};

} // namespace lydite

#endif
