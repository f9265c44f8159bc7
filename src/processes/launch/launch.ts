import type { SandboxName } from "../../kinds/mcp-settings.ts";
import type { ResourceLimits } from "../resource-limits.ts";
import type { SandboxedCommand } from "../sandbox/sandbox-level.ts";

/** A program that is ready to be started: within its sandbox, with its environment. */
export interface Launch extends Omit<SandboxedCommand, "landlock"> {
  /** The name of the program for people. */
  name: string;
  level: SandboxName;
  /** False: it has the files and the network of its user. */
  isIsolated: boolean;
  /** Sentences for people about the sandbox: stronger ones that the host lacks, and what this one does not do. */
  notes: string[];
  limits: ResourceLimits;
}
