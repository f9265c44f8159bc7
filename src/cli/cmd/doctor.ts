import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import type { HttpProxy } from "../../proxies.ts";
import { probeLimits } from "../../wire/probe.ts";
import { isUnexpectedAnswer } from "../client/answer-text.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { duration } from "../core/globals.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
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
    usage: "[--idle TIME] [-o json|yaml]",
    examples: [
      ["mcpctl doctor", "Find out why answers do not stream, or why an agent does not attach"],
      ["mcpctl doctor --idle 75s", "Also test if a stream survives 75 seconds of silence"],
    ],
  },
  output: objectFormats,
  args: {
    idle: {
      type: "string",
      valueHint: "TIME",
      description:
        "Also test a stream that is silent for this time, at most 3m; many proxies cut after 60s or 100s",
    },
  },
  async run(args, context) {
    const print = await dataPrinter(context.flags.output);
    const idle = args.idle === undefined ? undefined : idleTime(args.idle);
    const { terminal } = context;
    const checks: Check[] = [];
    const report = (check: Check) => {
      checks.push(check);
      if (!print) terminal.out(checkLine(check, terminal.color));
    };
    const proxies = await runChecks(context, idle, report);
    const transport = chosenTransport(checks);
    const remedies = remediesFor(
      checks.flatMap(({ fault }) => fault ?? []),
      proxies,
    );
    const failed = checks.some(({ verdict }) => verdict === "fail");
    if (print) {
      const { url } = (await context.client()).endpoint;
      terminal.out(
        print({ server: url, ok: !failed, checks, proxies, transport: transport ?? null, remedies }),
      );
    } else {
      if (transport)
        terminal.out(`\nAn agent on this machine would use ${transport.name}: ${transport.cost}.\n`);
      terminal.out(remedyLines(remedies, terminal.color));
    }
    return failed ? 1 : 0;
  },
});

function idleTime(text: string): number {
  const time = duration("--idle", text);
  if (time >= 1000 && time <= probeLimits.silence) return time;
  throw new AppError("usage", "--idle must be from 1s to 3m");
}

/** Runs one check after the other, because measurements would disturb each other. Returns the proxies it met. */
async function runChecks(
  context: Context,
  idle: number | undefined,
  report: (check: Check) => void,
): Promise<ProxyName[]> {
  const { home, signal, now } = context;
  const config = checkConfig(home);
  report(config);
  report(await checkAgent(home, signal));
  const client = await context.client();
  const bench: Bench = {
    client,
    signal,
    elapsed: () => performance.now(),
    wait: (milliseconds) => delay(milliseconds, undefined, { signal }),
  };
  const { url } = client.endpoint;
  const { check, headers } = await checkServer(bench);
  report(check);
  report(outgoing(client.proxy, url));
  report(await checkTls(url, now(), client.proxy?.name));
  if (!headers) return [];
  const { check: proxyCheck, proxies } = checkProxies(url, headers);
  report(proxyCheck);
  if (check.verdict === "fail") return proxies;
  report(await checked("round trip", () => checkRoundTrip(bench)));
  const account = await checkAccount(client);
  for (const one of account.checks) report(one);
  if (!account.loggedIn) {
    report({ name: "streams", verdict: "skip", detail: "measured only after a login" });
    return proxies;
  }
  const events = await checked("events", () => checkEvents(bench));
  report(events);
  if (events.verdict === "skip") return proxies;
  report(await checked("uploads", () => checkUploads(bench)));
  report(await checked("large bodies", () => checkBodySize(bench)));
  report(await checkWebSocket(bench));
  if (idle !== undefined) report(await checked("silence", () => checkSilence(bench, idle)));
  return proxies;
}

/** Tells which proxy the environment of this machine names for the server. It is not one of those before the server. */
function outgoing(proxy: HttpProxy | undefined, url: string): Check {
  const name = "own proxy";
  if (proxy)
    return {
      name,
      verdict: "ok",
      detail: `${proxy.name}, from the environment`,
      figures: { proxy: proxy.name },
    };
  const why = url.startsWith("unix:")
    ? "a Unix socket"
    : "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name none for it";
  return { name, verdict: "skip", detail: `none: ${why}` };
}

/** Runs a check. A check that gets no response has failed. */
async function checked(name: string, check: () => Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    // A proxy may respond instead of the server, with a page.
    if (isUnexpectedAnswer(error))
      return { name, verdict: "fail", detail: "the response does not come from an mcpctl server" };
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    return { name, verdict: "fail", detail: error.message };
  }
}
