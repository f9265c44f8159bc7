/**
 * Shows an empty console, and then fails: `bun console-crash.ts timer` outside of what draws, `bun console-crash.ts draw`
 * within.
 */
import { Redraws, showConsole } from "../../src/cli/cmd/console/ink-ui.ts";

const redraws = new Redraws();
let isBroken = false;
const app = {
  view() {
    if (isBroken) throw new Error("it is broken");
    return [[{ text: "all is well" }]];
  },
  key() {},
};
const ui = showConsole(app as unknown as Parameters<typeof showConsole>[0], redraws, true);
setTimeout(() => {
  if (process.argv[2] === "timer") throw new Error("it is broken");
  isBroken = true;
  redraws.redraw();
}, 500);
try {
  await ui.ended;
} finally {
  await ui.stop();
}
