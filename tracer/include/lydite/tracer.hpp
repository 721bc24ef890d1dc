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
 * are not copied. Nothing here throws but std::bad_alloc from std::string. A tracer that could not be
 * opened is empty, tells why in error(), and everything on it does nothing.
 */
#ifndef LYDITE_TRACER_HPP
#define LYDITE_TRACER_HPP

#include <lydite/tracer.h>

#include <exception>
#include <string>

namespace lydite
{

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
    span &set(const char *key, bool value)
    {
        return lydite_set_bool(raw_, key, value), *this;
    }
    span &set(const char *key, double value)
    {
        return lydite_set_double(raw_, key, value), *this;
    }
    span &set(const char *key, int value)
    {
        return lydite_set_int(raw_, key, value), *this;
    }
    span &set(const char *key, long value)
    {
        return lydite_set_int(raw_, key, value), *this;
    }
    span &set(const char *key, long long value)
    {
        return lydite_set_int(raw_, key, value), *this;
    }

    span &provider(const std::string &name)
    {
        return lydite_set_provider(raw_, name.c_str()), *this;
    }
    span &response_model(const std::string &name)
    {
        return lydite_set_response_model(raw_, name.c_str()), *this;
    }
    span &text(int direction, const char *role, const std::string &content)
    {
        return lydite_add_text(raw_, direction, role, content.c_str()), *this;
    }
    span &tokens(int64_t input, int64_t output)
    {
        return lydite_set_tokens(raw_, input, output), *this;
    }
    span &usage(const lydite_usage &usage)
    {
        return lydite_set_usage(raw_, &usage), *this;
    }
    span &finish(const char *reason)
    {
        return lydite_set_finish_reason(raw_, reason), *this;
    }
    span &first_token()
    {
        return lydite_first_token(raw_), *this;
    }
    span &query(const std::string &text, int64_t top_k = LYDITE_UNKNOWN)
    {
        return lydite_set_query(raw_, text.c_str(), top_k), *this;
    }
    span &document(const std::string &id, double score, const std::string &content)
    {
        return lydite_add_document(raw_, id.c_str(), score, content.c_str()), *this;
    }
    span &tool_call(const std::string &id, const std::string &arguments)
    {
        return lydite_set_tool_call(raw_, id.c_str(), arguments.c_str()), *this;
    }
    span &tool_result(const std::string &result)
    {
        return lydite_set_tool_result(raw_, result.c_str()), *this;
    }
    span &session(const std::string &id)
    {
        return lydite_set_session(raw_, id.c_str()), *this;
    }
    span &user(const std::string &id)
    {
        return lydite_set_user(raw_, id.c_str()), *this;
    }
    span &error(const std::string &type, const std::string &message)
    {
        return lydite_set_error(raw_, type.c_str(), message.c_str()), *this;
    }
    /* Marks the span as failed and adds the exception event. */
    span &exception(const std::exception &e)
    {
        lydite_add_exception(raw_, "std::exception", e.what(), nullptr);
        return error("std::exception", e.what());
    }

  private:
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
    tracer(tracer &&other) noexcept : raw_(other.raw_), error_(other.error_)
    {
        other.raw_ = nullptr;
    }
    tracer(const tracer &) = delete;
    tracer &operator=(const tracer &) = delete;
    tracer &operator=(tracer &&) = delete;
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

    span start(lydite_type type, const std::string &name) noexcept
    {
        return span(lydite_start(raw_, type, name.c_str()));
    }
    span start(lydite_type type, const std::string &name,
               const lydite_start_options &options) noexcept
    {
        return span(lydite_start_with(raw_, type, name.c_str(), &options));
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
