import type { ComponentType } from "preact";

/** One screen. Its code is loaded when it is opened. */
interface Screen {
  /** The first part of its address. */
  path: string;
  title: string;
  load(): Promise<ComponentType>;
}

/** The screens, in the order of the navigation. The first one is shown without an address. */
export const screens: readonly Screen[] = [
  {
    path: "overview",
    title: "Overview",
    load: async () => (await import("./overview/overview.tsx")).Overview,
  },
  { path: "models", title: "Models", load: async () => (await import("./models/models.tsx")).Models },
  {
    path: "playground",
    title: "Playground",
    load: async () => (await import("./playground/playground.tsx")).Playground,
  },
  { path: "calls", title: "Calls", load: async () => (await import("./calls/calls.tsx")).Calls },
  { path: "access", title: "Access", load: async () => (await import("./access/access.tsx")).Access },
  { path: "mcp", title: "MCP", load: async () => (await import("./mcp/mcp.tsx")).Mcp },
  { path: "secrets", title: "Secrets", load: async () => (await import("./secrets/secrets.tsx")).Secrets },
  {
    path: "settings",
    title: "Settings",
    load: async () => (await import("./settings/settings.tsx")).Settings,
  },
];
