/* lydite/tracer.hpp: scopes end spans inner first, exceptions mark them, moved-from objects are empty. */
#include <lydite/tracer.hpp>

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

static std::string exported;
static size_t n_exported;

static int keep(void *, bool, const void *bytes, size_t len, size_t n)
{
    exported.append(static_cast<const char *>(bytes), len);
    n_exported += n;
    return 0;
}

static int failed;
#define CHECK(condition)                                            \
    do {                                                            \
        if (!(condition)) {                                         \
            std::fprintf(stderr, "%d: %s\n", __LINE__, #condition); \
            failed = 1;                                             \
        }                                                           \
    } while (0)

int main()
{
    lydite_options options = LYDITE_OPTIONS_INIT;
    options.export_fn = keep;
    options.ignore_env = true;
    lydite::tracer tracer(options);
    CHECK(tracer);
    {
        auto agent = tracer.start(LYDITE_AGENT, "researcher");
        {
            auto call = tracer.start(LYDITE_GENERATION, "model-x");
            call.provider("openai")
                .text(LYDITE_INPUT, "user", "why?")
                .tokens(1, 2)
                .set("k", "literal")
                .set("n", 7)
                .set("ok", true)
                .set("r", 0.5)
                .set("s", std::string("made"));
            CHECK(call.recording());
            CHECK(call.traceparent().size() == 55);
            CHECK(lydite_current() == call.get());
        }
        CHECK(lydite_current() == agent.get());
        lydite::span moved = std::move(agent);
        CHECK(agent.get() == nullptr && moved.recording());
        moved = lydite::span(); /* ends it */
        CHECK(lydite_current() == nullptr);
    }
    try {
        auto tool = tracer.start(LYDITE_TOOL, "breaks");
        throw std::runtime_error("told");
    } catch (const std::exception &e) {
        auto handler = tracer.start(LYDITE_STEP, "handler");
        handler.exception(e);
    }
    {
        /* Sizes, counts and small types as they come; a text that is not there; a view. */
        const char *none = nullptr;
        auto step = tracer.start(LYDITE_STEP, std::string("numbers"));
        step.set("size", sizeof step).set("u", 7u).set("ull", ~0ull).set("f", 0.5f);
        step.set("short", static_cast<short>(-1)).set("i64", INT64_MIN).set("char", 'a');
        step.set("none", none).session(std::string("s")).user(none).error("E", none);
#if __cplusplus >= 201703L
        const std::string_view part = std::string_view("viewed text").substr(0, 6);
        step.set("view", part).text(LYDITE_INPUT, "user", part);
        auto named = tracer.start(LYDITE_TOOL, part);
#else
        auto named = tracer.start(LYDITE_TOOL, "viewed");
#endif
    }
    /* Moved into another, and that replaced. */
    lydite::tracer second(std::move(tracer));
    CHECK(!tracer && second);
    tracer = std::move(second);
    CHECK(tracer && !second);
    CHECK(tracer.close(5000) == LYDITE_OK);
    CHECK(!tracer);
    CHECK(tracer.report() == "6 spans, 6 acknowledged, 0 dropped");
    CHECK(n_exported == 6);
    CHECK(exported.find("execute_tool viewed") != std::string::npos);
    CHECK(exported.find("viewed text") == std::string::npos);
    CHECK(exported.find("an exception left the scope") != std::string::npos);
    CHECK(exported.find("chat model-x") != std::string::npos);
    auto late = tracer.start(LYDITE_STEP, "after close");
    CHECK(!late.recording());
    options.export_fn = nullptr;
    options.endpoint = "http://localhost:4318";
    lydite::tracer wrong(options);
    CHECK(!wrong && std::strstr(wrong.error(), "4317"));
    if (!failed)
        std::puts("lydite/tracer.hpp: ok");
    return failed;
}
