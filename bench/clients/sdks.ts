import type { Client, Job } from "./client.ts";
import type { ScenarioName } from "./model.ts";

const calls = ["text", "tools", "parallel", "image", "cancel", "overflow", "switch"] as const;
const messages = [...calls, "thinking", "count", "models"] as const;

/** A library, driven by a program of this folder: `PROGRAM DIALECT SCENARIO`. */
function library(
  name: string,
  program: string,
  dialect: Client["dialect"],
  install: Client["install"],
  scenarios: readonly ScenarioName[],
): Client {
  const interpreter = "npm" in install ? "node" : "python";
  return {
    name,
    install,
    dialect,
    scenarios,
    program,
    command: ({ scenario }) => [interpreter, program, dialect, scenario],
    env: environment,
    read: (_, file) => ({ name: "read_file", input: { path: file } }),
  };
}

const environment = ({ url, token, model, other, question }: Job) => ({
  MCPCTL_URL: url,
  MCPCTL_TOKEN: token,
  MODEL: model,
  OTHER_MODEL: other,
  QUESTION: question,
  // LiteLLM asks GitHub for prices otherwise.
  LITELLM_LOCAL_MODEL_COST_MAP: "True",
});

const npm = (...packages: string[]) => ({ npm: packages });
const pip = (...packages: string[]) => ({ pip: packages });

const openaiPython = pip("openai==3.57.0");
const litellm = pip("litellm==1.110.2");
const langchain = pip("langchain-openai==1.7.4", "langchain-anthropic==1.7.10");
const pydantic = pip("pydantic-ai-slim[openai,anthropic]==2.68.0");
const aiSdk = npm("ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/anthropic@4.0.105", "zod@4.6.7");
const agentsJs = npm("@openai/agents@0.20.0", "zod@4.6.7");
const agentsPython = pip("openai-agents==0.24.0");

/** Scenarios of frameworks, whose own loop calls the tools. */
const loops = ["text", "tools", "parallel", "image", "switch"] as const;

/** Libraries that programs call models with. */
export const libraries: readonly Client[] = [
  library("openai-js", "openai-js.mjs", "chat", npm("openai@7.59.0"), [...calls, "models"]),
  library("openai-js", "openai-js.mjs", "responses", npm("openai@7.59.0"), [...calls, "thinking"]),
  library("openai-python", "openai_chat.py", "chat", openaiPython, [...calls, "models"]),
  library("anthropic-js", "anthropic-js.mjs", "messages", npm("@anthropic-ai/sdk@1.14.0"), messages),
  library("anthropic-python", "anthropic_messages.py", "messages", pip("anthropic==2.14.0"), messages),
  library("ai-sdk", "ai-sdk.mjs", "chat", aiSdk, [...loops, "cancel"]),
  library("ai-sdk", "ai-sdk.mjs", "responses", aiSdk, [...loops, "cancel"]),
  library("ai-sdk", "ai-sdk.mjs", "messages", aiSdk, [...loops, "cancel", "thinking"]),
  library("openai-agents-js", "openai-agents.mjs", "chat", agentsJs, loops),
  library("openai-agents-js", "openai-agents.mjs", "responses", agentsJs, loops),
  library("openai-agents-python", "openai_agents.py", "chat", agentsPython, loops),
  library("openai-agents-python", "openai_agents.py", "responses", agentsPython, loops),
  library("langchain", "langchain_agent.py", "chat", langchain, loops),
  library("langchain", "langchain_agent.py", "responses", langchain, loops),
  library("langchain", "langchain_agent.py", "messages", langchain, loops),
  library("litellm", "litellm_chat.py", "chat", litellm, [...loops, "overflow"]),
  library("litellm", "litellm_chat.py", "messages", litellm, [...loops, "overflow"]),
  library("pydantic-ai", "pydantic_agent.py", "chat", pydantic, loops),
  library("pydantic-ai", "pydantic_agent.py", "responses", pydantic, loops),
  library("pydantic-ai", "pydantic_agent.py", "messages", pydantic, loops),
];
