import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import { probeLimits } from "../../wire/probe.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { duration } from "../core/globals.ts";
import { jsonText, wantsJson } from "../output/format.ts";
import { checkAccount } from "./doctor/account.ts";
import type { Check } from "./doctor/check.ts";
import { checkProxies, checkRoundTrip, checkServer } from "./doctor/connectivity.ts";
import { checkAgent, checkConfig } from "./doctor/machine.ts";
import { type ProxyName, remediesFor } from "./doctor/remedies.ts";
import { checkLine, remedyLines } from "./doctor/report.ts";
import { type Bench, checkBodySize, checkEvents, checkSilence, checkUploads } from "./doctor/streams.ts";
import { checkTls } from "./doctor/tls.ts";
import { chosenTransport } from "./doctor/transport.ts";
import { checkWebSocket } from "./doctor/websocket.ts";

export const doctor = defineVerb({
  meta: {
    name: "doctor",
    description: "Measure the connection to the server, and print how to fix its problems",
    about: `Checks the config, the agent of this machine, TLS, your login, and if anything between this machine and the
      server holds streams back, cuts silent connections, or refuses WebSockets and large requests. For each problem
      it prints the settings of nginx, Traefik, Caddy or Cloudflare that fix it. It changes nothing and calls no model.

      Exits with 0 if no check fails, with 1 otherwise.`,
    usage: "[--idle TIME] [-o json]",
    examples: [
      ["mcpctl doctor", "Find out why answers do not stream, or why an agent does not attach"],
      ["mcpctl doctor --idle 75s", "Also test if a stream survives 75 seconds of silence"],
    ],
  },
  args: {
    idle: {
      type: "string",
      valueHint: "TIME",
      description: "Hold a stream silent for so long, at most 3m: proxies cut after 60s or 100s",
    },
  },
  async run(args, context) {
    const json = wantsJson(context.flags.output);
    const idle = args.idle === undefined ? undefined : idleTime(args.idle);
    const { terminal } = context;
    const checks: Check[] = [];
    const note = (check: Check) => {
      checks.push(check);
      if (!json) terminal.out(checkLine(check, terminal.color));
    };
    const proxies = await examine(context, idle, note);
    const transport = chosenTransport(checks);
    const remedies = remediesFor(
      checks.flatMap(({ fault }) => fault ?? []),
      proxies,
    );
    const failed = checks.some(({ verdict }) => verdict === "fail");
    if (json) {
      const { url } = (await context.client()).endpoint;
      terminal.out(
        jsonText({ server: url, ok: !failed, checks, proxies, transport: transport ?? null, remedies }),
      );
    } else {
      if (transport)
        terminal.out(`\nAn agent here would be attached by ${transport.name}: ${transport.cost}.\n`);
      terminal.out(remedyLines(remedies, terminal.color));
    }
    return failed ? 1 : 0;
  },
});

function idleTime(text: string): number {
  const time = duration(text);
  if (time >= 1000 && time <= probeLimits.silence) return time;
  throw new AppError("usage", "--idle must be from 1s to 3m");
}

/** Looks at one thing after the other: measurements would be in each other's way. Returns the proxies it met. */
async function examine(
  context: Context,
  idle: number | undefined,
  note: (check: Check) => void,
): Promise<ProxyName[]> {
  const { home, signal, now } = context;
  const config = checkConfig(home);
  note(config);
  note(await checkAgent(home, signal));
  const client = await context.client();
  const bench: Bench = {
    client,
    signal,
    elapsed: () => performance.now(),
    wait: (milliseconds) => delay(milliseconds, undefined, { signal }),
  };
  const { url } = client.endpoint;
  const { check, headers } = await checkServer(bench);
  note(check);
  note(await checkTls(url, now()));
  if (!headers) return [];
  const { check: onTheWay, proxies } = checkProxies(url, headers);
  note(onTheWay);
  if (check.verdict === "fail") return proxies;
  note(await lookedAt("round trip", () => checkRoundTrip(bench)));
  const account = await checkAccount(client);
  for (const one of account.checks) note(one);
  if (!account.loggedIn) {
    note({ name: "streams", verdict: "skip", detail: "measured once you are logged in" });
    return proxies;
  }
  const events = await lookedAt("events", () => checkEvents(bench));
  note(events);
  if (events.verdict === "skip") return proxies;
  note(await lookedAt("uploads", () => checkUploads(bench)));
  note(await lookedAt("large bodies", () => checkBodySize(bench)));
  note(await checkWebSocket(bench));
  if (idle !== undefined) note(await lookedAt("silence", () => checkSilence(bench, idle)));
  return proxies;
}

/** A look that finds no answer at all is a finding, too. */
async function lookedAt(name: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    // A proxy may answer in the server's place, with a page.
    if (error instanceof SyntaxError)
      return { name, verdict: "fail", detail: "the answer is not the server's" };
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    return { name, verdict: "fail", detail: error.message };
  }
}
