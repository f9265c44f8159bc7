import { defineGroup, defineVerb } from "../core/command.ts";

const sandboxExec = defineVerb({
  meta: {
    name: "sandbox-exec",
    description: "Give up rights and become another program",
    usage: "POLICY -- PROGRAM [ARGUMENT...]",
    hidden: true,
  },
  args: {
    policy: { type: "positional", description: "The policy, as JSON" },
    argv: { type: "positional", multiple: true, description: "The program and its arguments" },
  },
  async run({ policy, argv }) {
    const { sandboxExec } = await import("../../processes/sandbox/exec/sandbox-exec.ts");
    sandboxExec(JSON.parse(policy), argv);
  },
});

/** Verbs that mcpctl itself runs. Nobody types them. */
export const internal = defineGroup(
  { name: "internal", description: "Verbs that mcpctl itself runs", hidden: true },
  {
    "sandbox-exec": { summary: sandboxExec.meta.description, load: async () => sandboxExec },
  },
);
