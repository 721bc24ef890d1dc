#include "genai/connect.h"

#define OTEL_ENV                                         \
    "export OTEL_EXPORTER_OTLP_ENDPOINT={http}\n"        \
    "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n" \
    "export OTEL_SERVICE_NAME=my-agent\n"

#define GENAI_CONTENT "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true"

/* The tracer provider that Python instrumentations without one of their own need. */
#define PY_PROVIDER                                                                           \
    "from opentelemetry.sdk.trace import TracerProvider\n"                                    \
    "from opentelemetry.sdk.trace.export import BatchSpanProcessor\n"                         \
    "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n"    \
    "from opentelemetry.sdk.resources import Resource\n"                                      \
    "provider = TracerProvider(resource=Resource.create({\"service.name\": \"my-agent\"}))\n" \
    "provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(\n"                      \
    "    endpoint=\"{http}/v1/traces\")))\n"

/* OpenTelemetry's own instrumentations of GenAI libraries, started by its command. */
#define PY_OTEL_INSTALL "pip install opentelemetry-distro opentelemetry-exporter-otlp "
#define PY_OTEL_RUN     OTEL_ENV "opentelemetry-instrument --logs_exporter otlp python agent.py\n"
#define PY_OTEL_CONTENT \
    "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY   # or EVENT_ONLY"

/* An OpenInference instrumentor on a provider of its own. */
#define PY_OPENINFERENCE(module, name)                                                 \
    PY_PROVIDER "from openinference.instrumentation." module " import " name "\n" name \
                "().instrument(tracer_provider=provider)\n"
#define OPENINFERENCE_CONTENT \
    "unset OPENINFERENCE_HIDE_INPUTS OPENINFERENCE_HIDE_OUTPUTS   # content is sent unless hidden"
#define PY_FRAMEWORK(package, module, name)                                \
    {                                                                      \
        "python", PY_SDK_INSTALL "openinference-instrumentation-" package, \
            PY_OPENINFERENCE(module, name), OPENINFERENCE_CONTENT, true    \
    }

#define JS_SDK(import, instrumentation)                                                        \
    "import { NodeSDK } from \"@opentelemetry/sdk-node\";\n"                                   \
    "import { OTLPTraceExporter } from \"@opentelemetry/exporter-trace-otlp-proto\";\n" import \
    "const sdk = new NodeSDK({\n"                                                              \
    "  serviceName: \"my-agent\",\n"                                                           \
    "  traceExporter: new OTLPTraceExporter({ url: \"{http}/v1/traces\" }),\n"                 \
    "  instrumentations: [" instrumentation "],\n"                                             \
    "});\n"                                                                                    \
    "sdk.start();   // before the client library is loaded; await sdk.shutdown() at the end\n"

#define JS_SDK_INSTALL \
    "npm install @opentelemetry/sdk-node @opentelemetry/exporter-trace-otlp-proto "
#define PY_SDK_INSTALL "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http "

static const ly_connect_client clients[] = {
    {"otel",
     "opentelemetry|otlp",
     "plain OpenTelemetry",
     "Any SDK in any language: set the endpoint. gRPC: {grpc} with PROTOCOL=grpc.",
     {{"shell", "", OTEL_ENV, GENAI_CONTENT, true},
      {"python",
       PY_OTEL_INSTALL "\\\n  opentelemetry-instrumentation-genai-openai   # or -genai-anthropic, "
                       "-genai-langchain, -genai-openai-agents, …",
       PY_OTEL_RUN, PY_OTEL_CONTENT, true},
      {"typescript", "npm install @opentelemetry/auto-instrumentations-node",
       OTEL_ENV
       "export NODE_OPTIONS=\"--require @opentelemetry/auto-instrumentations-node/register\"\n"
       "node agent.js\n",
       GENAI_CONTENT, true}},
     3},
    {"openai",
     "open-ai",
     "OpenAI SDK",
     "Streams of chat completions need stream_options include_usage. TypeScript: as CommonJS; in "
     "an "
     "ES module the instrumentation does not see the library. Python: the older "
     "opentelemetry-instrumentation-openai-v2 imports only with opentelemetry-util-genai==0.4b0 "
     "and "
     "sends no cached or reasoning tokens, as the TypeScript one; OpenInference (`lydite connect "
     "phoenix`) does.",
     {{"python", PY_OTEL_INSTALL "opentelemetry-instrumentation-genai-openai", PY_OTEL_RUN,
       PY_OTEL_CONTENT, true},
      {"typescript",
       JS_SDK_INSTALL "@opentelemetry/instrumentation-openai "
                      "@opentelemetry/exporter-logs-otlp-proto",
       OTEL_ENV "export OTEL_LOGS_EXPORTER=otlp\n" JS_SDK(
           "import { OpenAIInstrumentation } from \"@opentelemetry/instrumentation-openai\";\n",
           "new OpenAIInstrumentation()"),
       GENAI_CONTENT "\n# or: new OpenAIInstrumentation({ captureMessageContent: true })", true}},
     2},
    {"anthropic",
     "claude-sdk",
     "Anthropic SDK",
     "The SDKs (Python 2.x, TypeScript 1.x) also send spans of their own to a global tracer "
     "provider: "
     "counted once where both share a trace, so open a span around the calls; content is in the "
     "instrumentation's. TypeScript: as CommonJS; in an ES module only the SDK's own spans come.",
     {{"python", PY_SDK_INSTALL "openinference-instrumentation-anthropic",
       PY_PROVIDER "from openinference.instrumentation.anthropic import AnthropicInstrumentor\n"
                   "AnthropicInstrumentor().instrument(tracer_provider=provider)\n",
       "", true},
      {"typescript", JS_SDK_INSTALL "@arizeai/openinference-instrumentation-anthropic",
       JS_SDK("import { AnthropicInstrumentation } from "
              "\"@arizeai/openinference-instrumentation-anthropic\";\n",
              "new AnthropicInstrumentation()"),
       "", true}},
     2},
    {"openai-agents",
     "agents",
     "OpenAI Agents SDK",
     "OPENAI_AGENTS_DISABLE_TRACING=1 would turn these spans off, too. TypeScript: by OpenLIT; the "
     "agent spans carry no model output.",
     {{"python",
       PY_OTEL_INSTALL "opentelemetry-instrumentation-genai-openai-agents \\\n"
                       "  opentelemetry-instrumentation-genai-openai",
       PY_OTEL_RUN, PY_OTEL_CONTENT, true},
      {"typescript", "npm install openlit",
       "import { Openlit } from \"openlit\";   // before the client library is loaded\n"
       "Openlit.init({ otlpEndpoint: \"{http}\", applicationName: \"my-agent\" });\n",
       "Openlit.init({ ..., traceContent: true })   // the default", true}},
     2},
    {"openlit",
     "",
     "OpenLIT",
     "For Anthropic streams the cached tokens are not sent, for chat completions the reasoning.",
     {{"python", "pip install openlit",
       "import openlit\n"
       "openlit.init(otlp_endpoint=\"{http}\", application_name=\"my-agent\")\n",
       "openlit.init(..., capture_message_content=True)   # the default", true},
      {"typescript", "npm install openlit",
       "import { Openlit } from \"openlit\";   // before the client library is loaded\n"
       "Openlit.init({ otlpEndpoint: \"{http}\", applicationName: \"my-agent\" });\n",
       "Openlit.init({ ..., traceContent: true })   // the default", true}},
     2},
    {"gemini",
     "google-genai|google",
     "Google Gen AI SDK",
     "",
     {{"python", PY_OTEL_INSTALL "opentelemetry-instrumentation-google-genai \"google-genai<3\"",
       PY_OTEL_RUN,
       PY_OTEL_CONTENT "\nexport OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental", true}},
     1},
    {"bedrock",
     "aws|boto3",
     "AWS Bedrock by boto3",
     "",
     {PY_FRAMEWORK("bedrock", "bedrock", "BedrockInstrumentor")},
     1},
    {"vercel-ai",
     "ai|ai-sdk|vercel",
     "Vercel AI SDK",
     "Version 7 sends nothing without @ai-sdk/otel. Version 5 leaves cached and reasoning tokens "
     "off "
     "generateText spans; 6 and 7 send them.",
     {{"typescript", JS_SDK_INSTALL "ai @ai-sdk/otel",
       JS_SDK("import { generateText, registerTelemetry } from \"ai\";\n"
              "import { OpenTelemetry } from \"@ai-sdk/otel\";\n",
              "") "registerTelemetry(new OpenTelemetry({ usage: true, runtimeContext: true }));\n"
                  "// in each call:\n"
                  "await generateText({ model, prompt, runtimeContext: { sessionId, userId },\n"
                  "  telemetry: { functionId: \"my-agent\",\n"
                  "    includeRuntimeContext: { sessionId: true, userId: true } } });\n",
       "telemetry: { ..., recordInputs: true, recordOutputs: true }   // the default", true},
      {"typescript, ai 4 to 6", JS_SDK_INSTALL "ai@6",
       JS_SDK("", "") "// in each call:\n"
                      "await generateText({ model, prompt,\n"
                      "  experimental_telemetry: { isEnabled: true, functionId: \"my-agent\",\n"
                      "    metadata: { sessionId, userId } } });\n",
       "experimental_telemetry: { ..., recordInputs: true, recordOutputs: true }   // the default",
       true}},
     2},
    {"langchain",
     "langgraph|langsmith",
     "LangChain, LangGraph (LangSmith's exporter)",
     "TypeScript: langsmith 0.12 with @langchain/core 1.4 gave no spans, in an ES module and as "
     "CommonJS; OpenInference's LangChainInstrumentation with manuallyInstrument does. "
     "LangSmith's JavaScript exporter loses streamed runs and embeddings; Traceloop's names tools "
     "after classes.",
     {{"python", "pip install \"langsmith[otel]\" langchain",
       "export LANGSMITH_TRACING=true\n"
       "export LANGSMITH_OTEL_ENABLED=true\n"
       "export LANGSMITH_OTEL_ONLY=true\n"
       "export LANGSMITH_API_KEY=local\n" OTEL_ENV,
       "", true},
      {"typescript",
       "npm install langsmith @opentelemetry/sdk-trace-base "
       "@opentelemetry/exporter-trace-otlp-proto "
       "@opentelemetry/context-async-hooks",
       "export LANGSMITH_TRACING=true\n"
       "export LANGSMITH_OTEL_ENABLED=true\n"
       "export LANGSMITH_ENDPOINT={http}\n"
       "export LANGSMITH_API_KEY=local\n"
       "// first lines of the program:\n"
       "import { initializeOTEL } from \"langsmith/experimental/otel/setup\";\n"
       "initializeOTEL();\n",
       "", true}},
     2},
    {"llamaindex",
     "llama-index|llama_index",
     "LlamaIndex",
     "Python needs llama-index-core 0.14.19 or newer. Streams and embeddings carry no usage.",
     {PY_FRAMEWORK("llama-index", "llama_index", "LlamaIndexInstrumentor"),
      {"typescript", "npm install @traceloop/node-server-sdk llamaindex",
       "import * as traceloop from \"@traceloop/node-server-sdk\";\n"
       "import * as LlamaIndex from \"llamaindex\";\n"
       "traceloop.initialize({ appName: \"my-agent\", baseUrl: \"{http}\", disableBatch: true,\n"
       "  instrumentModules: { llamaIndex: LlamaIndex } });\n",
       "export TRACELOOP_TRACE_CONTENT=true", true}},
     2},
    {"pydantic-ai",
     "pydantic|logfire",
     "Pydantic AI (Logfire's SDK, nothing sent to Logfire)",
     "",
     {{"python", "pip install pydantic-ai logfire",
       OTEL_ENV "# in the program:\n"
                "import logfire\n"
                "logfire.configure(send_to_logfire=False)\n"
                "logfire.instrument_pydantic_ai()\n",
       "logfire.instrument_pydantic_ai(include_content=True)   # the default", true}},
     1},
    {"traceloop",
     "openllmetry",
     "Traceloop (OpenLLMetry)",
     "TypeScript: as CommonJS; in an ES module the lines give no spans. Its counts of OpenAI "
     "streams are the client's estimate, cached and reasoning tokens "
     "are not sent for OpenAI. Anthropic's SDK sends spans of its own, in traces of their own: "
     "`lydite doctor` says what is counted twice.",
     {{"python", "pip install traceloop-sdk httpx",
       "export TRACELOOP_BASE_URL={http}\n"
       "# in the program:\n"
       "from traceloop.sdk import Traceloop\n"
       "Traceloop.init(app_name=\"my-agent\", disable_batch=True)\n",
       "export TRACELOOP_TRACE_CONTENT=true   # the default", true},
      {"typescript", "npm install @traceloop/node-server-sdk",
       "import * as traceloop from \"@traceloop/node-server-sdk\";\n"
       "traceloop.initialize({ appName: \"my-agent\", baseUrl: \"{http}\", disableBatch: true "
       "});\n",
       "export TRACELOOP_TRACE_CONTENT=true   // the default", true}},
     2},
    {"phoenix",
     "openinference|arize",
     "Phoenix / OpenInference",
     "Long histories pass the SDK's 128 attributes and take the token counts with them: set "
     "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=10000. TypeScript: as CommonJS; in an ES module the lines "
     "give no spans.",
     {{"python", "pip install arize-phoenix-otel openinference-instrumentation-openai",
       "export OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=10000 OTEL_SERVICE_NAME=my-agent\n"
       "# in the program:\n"
       "from phoenix.otel import register\n"
       "register(endpoint=\"{http}/v1/traces\", project_name=\"my-agent\",\n"
       "         auto_instrument=True, batch=True)\n",
       "unset OPENINFERENCE_HIDE_INPUTS OPENINFERENCE_HIDE_OUTPUTS   # content is sent unless "
       "hidden",
       true},
      {"typescript",
       "npm install @arizeai/phoenix-otel @arizeai/openinference-instrumentation-openai",
       "export OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=10000\n"
       "// in the program:\n"
       "import { register } from \"@arizeai/phoenix-otel\";\n"
       "import { OpenAIInstrumentation } from \"@arizeai/openinference-instrumentation-openai\";\n"
       "register({ projectName: \"my-agent\", url: \"{http}/v1/traces\",\n"
       "  instrumentations: [new OpenAIInstrumentation()] });\n",
       "unset OPENINFERENCE_HIDE_INPUTS OPENINFERENCE_HIDE_OUTPUTS   # content is sent unless "
       "hidden",
       true}},
     2},
    {"langfuse",
     "",
     "Langfuse SDK",
     "The keys are not checked by an open loopback collector; the SDK wants some.",
     {{"python", "pip install langfuse",
       "export LANGFUSE_BASE_URL={http} LANGFUSE_HOST={http}\n"
       "export LANGFUSE_PUBLIC_KEY=pk-lf-local LANGFUSE_SECRET_KEY=sk-lf-local\n"
       "export OTEL_SERVICE_NAME=my-agent\n"
       "# in the program: from langfuse.openai import openai   (or @observe())\n",
       "", true},
      {"typescript",
       "npm install @langfuse/tracing @langfuse/otel @langfuse/openai "
       "@opentelemetry/sdk-node",
       "export LANGFUSE_BASE_URL={http}\n"
       "export LANGFUSE_PUBLIC_KEY=pk-lf-local LANGFUSE_SECRET_KEY=sk-lf-local\n"
       "// in the program:\n"
       "import { NodeSDK } from \"@opentelemetry/sdk-node\";\n"
       "import { LangfuseSpanProcessor } from \"@langfuse/otel\";\n"
       "new NodeSDK({ spanProcessors: [new LangfuseSpanProcessor()] }).start();\n",
       "", true}},
     2},
    {"mlflow",
     "",
     "MLflow tracing",
     "mlflow-tracing alone lacks sqlparse and pyyaml (3.17). With the endpoint set, MLflow sends "
     "here "
     "instead of to its tracking server "
     "(MLFLOW_ENABLE_DUAL_EXPORT=true for both).",
     {{"python", "pip install mlflow opentelemetry-exporter-otlp-proto-http",
       "export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={http}/v1/traces\n"
       "export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf\n"
       "export OTEL_SERVICE_NAME=my-agent\n"
       "# in the program:\n"
       "import mlflow\n"
       "mlflow.openai.autolog()   # or another flavour\n",
       "", true},
      {"typescript", "npm install mlflow-tracing",
       "export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={http}/v1/traces\n", "", false}},
     2},
    {"laminar",
     "lmnr",
     "Laminar",
     "Failed calls make no span; cached and reasoning tokens are not sent for OpenAI.",
     {{"python", "pip install lmnr",
       "from lmnr import Laminar\n"
       "Laminar.initialize(project_api_key=\"local\", base_url=\"http://127.0.0.1\",\n"
       "                   http_port={http_port}, force_http=True)\n",
       "", true},
      {"typescript", "npm install @lmnr-ai/lmnr",
       "import { Laminar } from \"@lmnr-ai/lmnr\";\n"
       "Laminar.initialize({ projectApiKey: \"local\", baseUrl: \"http://127.0.0.1\",\n"
       "  httpPort: {http_port}, forceHttp: true });\n",
       "", true}},
     2},
    {"strands",
     "",
     "Strands Agents",
     "",
     {{"python", "pip install \"strands-agents[otel]\"",
       OTEL_ENV "# in the program:\n"
                "from strands.telemetry import StrandsTelemetry\n"
                "StrandsTelemetry().setup_otlp_exporter()\n",
       "", true}},
     1},
    {"google-adk",
     "adk",
     "Google ADK",
     "`adk run` sends nothing by itself: the provider is set in the agent's module.",
     {{"python", PY_SDK_INSTALL "google-adk",
       "# first lines of agent.py\n" PY_PROVIDER "from opentelemetry import trace\n"
       "trace.set_tracer_provider(provider)\n",
       "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY", true}},
     1},
    {"genkit",
     "",
     "Genkit",
     "Genkit brings OpenTelemetry 1.x: the exporter must fit it.",
     {{"typescript",
       "npm install genkit @opentelemetry/exporter-trace-otlp-proto@0.52.1 "
       "@opentelemetry/sdk-trace-base@1",
       "import { genkit } from \"genkit\";\n"
       "import { enableTelemetry } from \"genkit/tracing\";\n"
       "import { OTLPTraceExporter } from \"@opentelemetry/exporter-trace-otlp-proto\";\n"
       "import { BatchSpanProcessor } from \"@opentelemetry/sdk-trace-base\";\n"
       "const lydite = new BatchSpanProcessor(\n"
       "  new OTLPTraceExporter({ url: \"{http}/v1/traces\" }));\n"
       "await enableTelemetry({ spanProcessors: [lydite] });   // await lydite.forceFlush() at the "
       "end\n",
       "", true}},
     1},
    {"litellm", "", "LiteLLM", "", {PY_FRAMEWORK("litellm", "litellm", "LiteLLMInstrumentor")}, 1},
    {"smolagents",
     "",
     "smolagents",
     "Cached and reasoning tokens are not sent.",
     {PY_FRAMEWORK("smolagents", "smolagents", "SmolagentsInstrumentor")},
     1},
    {"dspy",
     "",
     "DSPy",
     "DSPy's own spans carry no usage: add `lydite connect litellm`.",
     {PY_FRAMEWORK("dspy openinference-instrumentation-litellm", "dspy", "DSPyInstrumentor")},
     1},
    {"haystack",
     "",
     "Haystack",
     "Cached and reasoning tokens are not sent.",
     {PY_FRAMEWORK("haystack", "haystack", "HaystackInstrumentor")},
     1},
    {"agno",
     "",
     "Agno",
     "Cached and reasoning tokens are not sent.",
     {PY_FRAMEWORK("agno", "agno", "AgnoInstrumentor")},
     1},
    {"ag2",
     "",
     "AG2",
     "Conversations hold the sum of their calls; cached and reasoning tokens are not sent.",
     {{"python", PY_SDK_INSTALL "\"ag2[openai]<0.12\"",
       PY_PROVIDER "from autogen.opentelemetry import instrument_agent, instrument_llm_wrapper\n"
                   "instrument_llm_wrapper(tracer_provider=provider)\n"
                   "# and each agent: instrument_agent(agent, tracer_provider=provider)\n",
       "instrument_llm_wrapper(tracer_provider=provider, capture_messages=True)", true}},
     1},
    {"voltagent",
     "",
     "VoltAgent",
     "An agent's span has the counts of all its steps; the llm span below those of the last.",
     {{"typescript",
       "npm install @voltagent/core @opentelemetry/sdk-trace-base "
       "@opentelemetry/exporter-trace-otlp-proto",
       "import { VoltAgentObservability } from \"@voltagent/core\";\n"
       "import { OTLPTraceExporter } from \"@opentelemetry/exporter-trace-otlp-proto\";\n"
       "import { BatchSpanProcessor } from \"@opentelemetry/sdk-trace-base\";\n"
       "const observability = new VoltAgentObservability({ serviceName: \"my-agent\",\n"
       "  spanProcessors: [new BatchSpanProcessor(\n"
       "    new OTLPTraceExporter({ url: \"{http}/v1/traces\" }))] });\n"
       "// new Agent({ ..., observability })\n",
       "", true}},
     1},
    {"mastra",
     "",
     "Mastra",
     "",
     {{"typescript",
       "npm install @mastra/core @mastra/observability @mastra/otel-exporter "
       "@opentelemetry/exporter-trace-otlp-proto",
       "import { Mastra } from \"@mastra/core\";\n"
       "import { Observability } from \"@mastra/observability\";\n"
       "import { OtelExporter } from \"@mastra/otel-exporter\";\n"
       "const lydite = new OtelExporter({ provider: { custom: {\n"
       "  endpoint: \"{http}/v1/traces\", protocol: \"http/protobuf\" } } });\n"
       "new Mastra({ agents, observability: new Observability({ configs: {\n"
       "  otel: { serviceName: \"my-agent\", exporters: [lydite] } } }) });\n"
       "// in each call: tracingOptions: { metadata: { threadId, userId } }\n",
       "", true}},
     1},
    {"traceai",
     "futureagi",
     "Future AGI traceAI",
     "Cached and reasoning tokens are sent for responses only.",
     {{"python", PY_SDK_INSTALL "traceai-openai",
       PY_PROVIDER "from traceai_openai import OpenAIInstrumentor\n"
                   "OpenAIInstrumentor().instrument(tracer_provider=provider)\n",
       "", true}},
     1},
    {"groq",
     "",
     "Groq SDK",
     "Streams carry no usage.",
     {PY_FRAMEWORK("groq", "groq", "GroqInstrumentor")},
     1},
    {"mistral",
     "mistralai",
     "Mistral SDK",
     "Streams carry no cached tokens.",
     {PY_FRAMEWORK("mistralai", "mistralai", "MistralAIInstrumentor")},
     1},
    {"autogen",
     "",
     "AutoGen AgentChat",
     "Cached and reasoning tokens are not sent; add the OpenAI instrumentor for them.",
     {PY_FRAMEWORK("autogen-agentchat", "autogen_agentchat", "AutogenAgentChatInstrumentor")},
     1},
    {"crewai",
     "crew",
     "CrewAI",
     "CrewAI's spans carry no usage: add the instrumentor of the model's library (`lydite connect "
     "litellm`, `phoenix`).",
     {PY_FRAMEWORK("crewai", "crewai", "CrewAIInstrumentor")},
     1},
    {"claude-code",
     "claude",
     "Claude Code",
     "Prompts and answers come in log records; costs too. Traces are a beta of the client.",
     {{"shell", "npm install -g @anthropic-ai/claude-code",
       "export CLAUDE_CODE_ENABLE_TELEMETRY=1\n"
       "export CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1\n"
       "export OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp\n"
       "export OTEL_EXPORTER_OTLP_PROTOCOL=grpc\n"
       "export OTEL_EXPORTER_OTLP_ENDPOINT={grpc}\n"
       "claude\n",
       "export OTEL_LOG_USER_PROMPTS=1 OTEL_LOG_TOOL_DETAILS=1 OTEL_LOG_TOOL_CONTENT=1\n"
       "export OTEL_LOG_ASSISTANT_RESPONSES=1",
       true}},
     1},
    {"codex",
     "",
     "Codex",
     "Hundreds of internal spans a turn; both exporters are wanted, the model's name is in one and "
     "the "
     "tree in the other.",
     {{"toml", "npm install -g @openai/codex",
       "# ~/.codex/config.toml\n"
       "[otel]\n"
       "environment = \"dev\"\n"
       "exporter = { otlp-http = { endpoint = \"{http}/v1/logs\", protocol = \"binary\" } }\n"
       "trace_exporter = { otlp-http = { endpoint = \"{http}/v1/traces\", protocol = \"binary\" } "
       "}\n",
       "log_user_prompt = true   # in the same [otel] table", true}},
     1},
    {"gemini-cli",
     "gemini",
     "Gemini CLI",
     "Each model call and tool batch is a trace of its own; the conversation id joins them. Cached "
     "and thinking tokens come in log records.",
     {{"shell", "npm install -g @google/gemini-cli",
       "export GEMINI_TELEMETRY_ENABLED=true GEMINI_TELEMETRY_TARGET=local\n"
       "export GEMINI_TELEMETRY_TRACES_ENABLED=true\n"
       "export GEMINI_TELEMETRY_OTLP_PROTOCOL=grpc\n"
       "export GEMINI_TELEMETRY_OTLP_ENDPOINT={grpc}\n"
       "gemini\n",
       "export GEMINI_TELEMETRY_LOG_PROMPTS=true   # the default", true}},
     1},
    {"langwatch",
     "",
     "LangWatch SDK",
     "",
     {{"python", "pip install langwatch",
       "export LANGWATCH_ENDPOINT={http} LANGWATCH_API_KEY=local\n"
       "# in the program: import langwatch; langwatch.setup()\n",
       "", true},
      {"typescript", "npm install langwatch @opentelemetry/sdk-node",
       "export LANGWATCH_ENDPOINT={http} LANGWATCH_API_KEY=local\n", "", false}},
     2},
};

size_t ly_connect_count(void)
{
    return sizeof clients / sizeof *clients;
}

const ly_connect_client *ly_connect_at(size_t index)
{
    return index < ly_connect_count() ? &clients[index] : NULL;
}

const ly_connect_client *ly_connect_find(ly_str name)
{
    for (size_t i = 0; i < ly_connect_count(); i++) {
        if (ly_str_eq_nocase(name, ly_str_c(clients[i].name)))
            return &clients[i];
        ly_str rest = ly_str_c(clients[i].aliases), one;
        while (ly_str_split(&rest, '|', &one)) {
            if (ly_str_eq_nocase(name, one))
                return &clients[i];
        }
    }
    return NULL;
}

/* "http://127.0.0.1:4318" → "4318" */
static ly_str port_of(const char *url)
{
    const ly_str u = ly_str_c(url);
    size_t at = u.len;
    while (at > 0 && u.ptr[at - 1] != ':')
        at--;
    return ly_str_sub(u, at, u.len);
}

void ly_connect_text(const char *text, const char *http_url, const char *grpc_url, ly_buf *out)
{
    const struct {
        ly_str mark, value;
    } marks[] = {{LY_S("{http}"), ly_str_c(http_url)},
                 {LY_S("{grpc}"), ly_str_c(grpc_url)},
                 {LY_S("{http_port}"), port_of(http_url)},
                 {LY_S("{grpc_port}"), port_of(grpc_url)}};
    const ly_str t = ly_str_c(text);
    for (size_t at = 0; at < t.len;) {
        const ly_str rest = ly_str_sub(t, at, t.len);
        size_t took = 0;
        for (size_t i = 0; i < sizeof marks / sizeof *marks && took == 0; i++) {
            if (ly_str_starts(rest, marks[i].mark)) {
                ly_buf_str(out, marks[i].value);
                took = marks[i].mark.len;
            }
        }
        if (took == 0)
            ly_buf_char(out, t.ptr[at]);
        at += took ? took : 1;
    }
}

static size_t add(ly_connect_gap *gaps, size_t n, bool missing, const char *what,
                  const char *remedy)
{
    if (!missing || n == LY_CONNECT_GAPS)
        return n;
    gaps[n] = (ly_connect_gap){what, remedy};
    return n + 1;
}

size_t ly_connect_missing(const ly_canon *c, ly_connect_gap ret_gaps[LY_CONNECT_GAPS])
{
    const bool call = c->type == LY_TYPE_GENERATION || c->type == LY_TYPE_EMBEDDING;
    const bool speaks = c->type == LY_TYPE_GENERATION || c->type == LY_TYPE_AGENT ||
                        c->type == LY_TYPE_TOOL || c->type == LY_TYPE_RETRIEVAL;
    size_t n = 0;
    n = add(ret_gaps, n, call && !c->request_model.len && !c->response_model.len, "model",
            "the span names no model, so it has no price; check the instrumentation's version");
    n = add(ret_gaps, n, call && !c->provider.len, "provider",
            "set gen_ai.provider.name, or a model name that says who makes it");
    n = add(ret_gaps, n, call && !c->error && !ly_tokens_known(&c->tokens), "token counts",
            c->usage_mode & LY_USAGE_MAYBE_LOST
                ? "attributes were dropped at the limit: set OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=10000"
                : "streams of OpenAI need stream_options: {\"include_usage\": true}");
    n = add(ret_gaps, n, speaks && !c->has_input && !c->has_output && !c->withheld, "messages",
            "turn on the client's content switch: `lydite connect CLIENT` names it");
    n = add(ret_gaps, n, speaks && c->withheld, "messages",
            "the client masks content before it sends it");
    n = add(ret_gaps, n, !c->service.len, "service name", "export OTEL_SERVICE_NAME=my-agent");
    n = add(ret_gaps, n, !c->session.len, "session",
            "set session.id or gen_ai.conversation.id to group the turns of one conversation");
    return n;
}
