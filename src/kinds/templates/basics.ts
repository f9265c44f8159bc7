import { type BuiltInTemplate, credential, optional, required, variable } from "./define.ts";

/** Servers that work with files, texts and the web, and servers for trying things out. */
export const basics: readonly BuiltInTemplate[] = [
  {
    name: "everything",
    description: "A server for trying out clients: it has a bit of every feature of MCP",
    parameters: [],
    server: { package: "npm:@modelcontextprotocol/server-everything@2026.8.31" },
  },
  {
    name: "filesystem",
    description: "Read and write the files in one folder of the server's host",
    parameters: [required("FOLDER", "The folder, as an absolute path")],
    server: {
      package: "npm:@modelcontextprotocol/server-filesystem@2026.8.31",
      args: ["${FOLDER}"],
      hostPaths: { write: ["${FOLDER}"] },
    },
  },
  {
    name: "git",
    description: "Read and change a git repository on the server's host",
    parameters: [required("REPOSITORY", "The folder of the repository, as an absolute path")],
    server: {
      package: "pypi:mcp-server-git==2026.10.19",
      args: ["--repository", "${REPOSITORY}"],
      hostPaths: { write: ["${REPOSITORY}"] },
    },
  },
  {
    name: "fetch",
    description: "Read web pages as Markdown",
    parameters: [],
    server: { package: "pypi:mcp-server-fetch==2026.10.24" },
  },
  {
    name: "time",
    description: "The time in any time zone",
    parameters: [optional("TIMEZONE", "The time zone of the people who ask", "Etc/UTC")],
    server: { package: "pypi:mcp-server-time==2026.10.19", args: ["--local-timezone=${TIMEZONE}"] },
  },
  {
    name: "memory",
    description: "Remember facts in a graph that is kept in a file",
    parameters: [
      required("FOLDER", "The folder of the file memory.jsonl on the server's host, as an absolute path"),
    ],
    server: {
      package: "npm:@modelcontextprotocol/server-memory@2026.8.31",
      env: [{ name: "MEMORY_FILE_PATH", value: "${FOLDER}/memory.jsonl" }],
      hostPaths: { write: ["${FOLDER}"] },
    },
  },
  {
    name: "sequential-thinking",
    description: "Think through a problem in steps that can be taken back",
    parameters: [],
    server: { package: "npm:@modelcontextprotocol/server-sequential-thinking@2026.8.31" },
  },
  {
    name: "playwright",
    description: "Use a browser; needs Chromium on the server's host",
    parameters: [],
    server: {
      package: "npm:@playwright/mcp@0.0.83",
      args: ["--headless", "--isolated"],
      sharing: "session",
    },
  },
  {
    name: "chrome-devtools",
    description: "Use a browser and its developer tools; needs Chrome on the server's host",
    parameters: [],
    server: {
      package: "npm:chrome-devtools-mcp@1.11.0",
      args: ["--headless", "--isolated"],
      sharing: "session",
    },
  },
  {
    name: "context7",
    description: "Documentation of software libraries, as of today",
    parameters: [],
    server: { package: "npm:@upstash/context7-mcp@4.1.1" },
  },
  {
    name: "brave-search",
    description: "Search the web with Brave",
    parameters: [credential("API_KEY", "The key of the Brave Search API")],
    server: {
      package: "npm:@brave/brave-search-mcp-server@2.1.4",
      env: [variable("BRAVE_API_KEY", "API_KEY")],
    },
  },
];
