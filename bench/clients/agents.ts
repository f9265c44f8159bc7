import { join } from "node:path";
import type { Client, Job } from "./client.ts";

const bothWays = ["mcp-url", "mcp-program", "mcp-gated-url", "mcp-gated-program", "mcp-gated-lossy"] as const;
const whole = ["text", "tools", "parallel", "thinking", "image", "cancel", "overflow", "switch"] as const;

/** The query by which Claude Code and Qwen Code find tools by their names. */
const selected = (project: string, tools: readonly string[]) =>
  `select:${tools.map((tool) => `mcp__${project}__${tool}`).join(",")}`;

/** Programs that work on files by themselves. */
export const codingAgents: readonly Client[] = [
  {
    name: "claude-code",
    install: { npm: ["@anthropic-ai/claude-code@2.1.332"] },
    dialect: "messages",
    scenarios: whole,
    command: ({ question, model, nth, scenario }) => [
      "claude",
      "-p",
      scenario === "image" ? `${question} Read picture.png.` : question,
      "--model",
      model,
      "--allowedTools",
      "Read,mcp__orchard,mcp__grove",
      ...(nth > 0 ? ["--continue"] : []),
    ],
    // It asks before it runs what a folder's files name. That was answered when the folder was first opened.
    files: ({ work }) => ({
      ".claude.json": JSON.stringify({ projects: { [work]: { hasTrustDialogAccepted: true } } }),
    }),
    env: ({ url, token, model }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: token,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      DISABLE_TELEMETRY: "1",
    }),
    read: ({ work }, file) => ({ name: "Read", input: { file_path: join(work, file) } }),
    mcp: {
      scenarios: bothWays,
      config: "claude",
      readsFile: true,
      call: (project, tool, input) => ({ name: `mcp__${project}__${tool}`, input }),
      search: (project, tools) => ({ name: "ToolSearch", input: { query: selected(project, tools) } }),
    },
  },
  {
    name: "codex",
    install: { npm: ["@openai/codex@0.171.0"] },
    dialect: "responses",
    scenarios: whole,
    command: ({ question, model, nth, scenario }) => [
      "codex",
      "exec",
      ...(nth > 0 ? ["resume", "--last"] : []),
      "--skip-git-repo-check",
      "--dangerously-bypass-approvals-and-sandbox",
      "-m",
      model,
      ...(scenario === "image" ? ["-i", "picture.png", "--"] : []),
      question,
    ],
    files: ({ url, model }) => ({
      ".codex/config.toml": `model = "${model}"
model_provider = "mcpctl"
model_reasoning_effort = "medium"

[model_providers.mcpctl]
name = "mcpctl"
base_url = "${url}/v1"
env_key = "MCPCTL_TOKEN"
wire_api = "responses"
`,
    }),
    env: ({ token }) => ({ MCPCTL_TOKEN: token }),
    // It compacts by the tokens that an answer reports, before the context is full.
    onOverflow: "ERROR",
    read: (_, file) => ({ name: "exec_command", input: { cmd: `cat ${file}` } }),
    mcp: {
      scenarios: bothWays,
      config: "codex",
      call: (project, tool, input) => ({ namespace: `mcp__${project}`, name: tool, input }),
    },
  },
  {
    name: "opencode",
    install: { npm: ["opencode-ai@1.18.33"] },
    dialect: "chat",
    scenarios: whole,
    command: ({ question, model, nth, scenario }) => [
      "opencode",
      "run",
      "-m",
      `mcpctl/${model}`,
      ...(nth > 0 ? ["--continue"] : []),
      question,
      ...(scenario === "image" ? ["-f", "picture.png"] : []),
    ],
    files: (job) => ({ ".config/opencode/opencode.json": JSON.stringify(opencodeConfig(job), null, 2) }),
    env: ({ token }) => ({
      MCPCTL_TOKEN: token,
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
    }),
    read: ({ work }, file) => ({ name: "read", input: { filePath: join(work, file) } }),
    mcp: {
      scenarios: bothWays,
      config: "opencode",
      readsFile: true,
      call: (project, tool, input) => ({ name: `${project}_${tool}`, input }),
    },
  },
  {
    name: "qwen-code",
    install: { npm: ["@qwen-code/qwen-code@0.24.4"] },
    dialect: "chat",
    scenarios: ["text", "tools", "parallel", "cancel", "switch"],
    command: ({ question, model, nth }) => [
      ...["qwen", "--model", model, "--approval-mode", "yolo", "--auth-type", "openai"],
      ...(nth > 0 ? ["--continue"] : []),
      ...["-p", question],
    ],
    env: ({ url, token, model }) => ({
      OPENAI_BASE_URL: `${url}/v1`,
      OPENAI_API_KEY: token,
      OPENAI_MODEL: model,
      QWEN_TELEMETRY_ENABLED: "false",
    }),
    read: ({ work }, file) => ({ name: "read_file", input: { file_path: join(work, file) } }),
    mcp: {
      scenarios: bothWays,
      config: "qwen",
      call: (project, tool, input) => ({
        name: "tool_call",
        input: { name: `mcp__${project}__${tool}`, arguments: input },
      }),
      search: (project, tools) => ({ name: "tool_search", input: { query: selected(project, tools) } }),
    },
  },
  {
    name: "aider",
    install: { pip: ["aider-chat==0.86.2"] },
    dialect: "chat",
    scenarios: ["text", "image", "cancel", "switch"],
    command: ({ question, model, nth, scenario }) => [
      "aider",
      "--model",
      `openai/${model}`,
      ...(nth > 0 ? ["--restore-chat-history"] : []),
      ...["--yes-always", "--no-git", "--no-check-update", "--no-analytics", "--no-show-model-warnings"],
      "--message",
      question,
      ...(scenario === "image" ? ["picture.png"] : []),
    ],
    // Aider takes pictures only for models that it knows to see.
    files: ({ model }) => ({
      ".aider.model.metadata.json": JSON.stringify({
        [`openai/${model}`]: {
          max_input_tokens: 100_000,
          supports_vision: true,
          litellm_provider: "openai",
          mode: "chat",
        },
      }),
    }),
    env: ({ url, token }) => ({
      OPENAI_API_BASE: `${url}/v1`,
      OPENAI_API_KEY: token,
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
    }),
  },
  {
    name: "llm",
    install: { pip: ["llm==0.36"] },
    dialect: "chat",
    scenarios: ["text", "tools", "parallel", "image", "cancel", "switch"],
    command: ({ question, model, nth, scenario }) => [
      "llm",
      "-m",
      model,
      ...(nth > 0 ? ["-c"] : []),
      ...["--functions", "def read_file(path: str) -> str:\n    return open(path).read()"],
      ...(scenario === "image" ? ["-a", "picture.png"] : []),
      question,
    ],
    files: ({ url, token, model, other }) => ({
      "llm/keys.json": JSON.stringify({ mcpctl: token }),
      "llm/extra-openai-models.yaml": JSON.stringify(
        [model, other].map((name) => ({
          model_id: name,
          model_name: name,
          api_base: `${url}/v1`,
          api_key_name: "mcpctl",
          supports_tools: true,
          vision: true,
        })),
      ),
    }),
    env: ({ home }) => ({ LLM_USER_PATH: join(home, "llm") }),
    read: (_, file) => ({ name: "read_file", input: { path: file } }),
  },
];

function opencodeConfig({ url, model, other }: Job) {
  const settings = {
    attachment: true,
    tool_call: true,
    reasoning: true,
    modalities: { input: ["text", "image"], output: ["text"] },
    interleaved: { field: "reasoning_content" },
  };
  return {
    autoupdate: false,
    share: "disabled",
    provider: {
      mcpctl: {
        npm: "@ai-sdk/openai-compatible",
        options: { baseURL: `${url}/v1`, apiKey: "{env:MCPCTL_TOKEN}" },
        models: { [model]: settings, [other]: settings },
      },
    },
  };
}
