import { describe, expect, it } from "vitest";
import { hasOpenssl, testAuthority } from "../../support/certificates.ts";
import {
  certificateFaults,
  plainFaults,
  resettingPort,
  sshPort,
  tlsPort,
  type Unreachable,
} from "../../support/unreachable.ts";
import { goodProvider } from "../../support/upstream.ts";
import { addLlm, canary, lastEvent, question, withProvider } from "./setup.ts";

/** Calls a provider at each address. Returns the message of the error and the audit's cause, by name. */
async function callsOf(urls: Record<string, string>) {
  const { server, call } = await withProvider(goodProvider);
  const found: Record<string, { message: string; cause: string; status: number }> = {};
  for (const [index, [name, url]] of Object.entries(urls).entries()) {
    await addLlm(server, { name: `llm-${index}`, url });
    const { body, status } = await call("POST", "/v1/chat/completions", {
      ...question,
      model: `llm-${index}`,
    });
    const event = await lastEvent(server);
    found[name] = { message: body.error.message, cause: event.detail?.cause, status };
    // Neither the caller nor the audit gets the key, and the address is for administrators alone.
    const { host, attempts: _, ...shown } = event.detail;
    expect([new URL(url).host, undefined]).toContain(host);
    expect(JSON.stringify(event)).not.toContain(canary);
    const told = JSON.stringify([body, { ...event, detail: shown }]);
    expect(told).not.toContain(new URL(url).host);
    expect(told).not.toContain(canary);
  }
  return found;
}

function urlsOf(faults: Record<string, Unreachable>): Record<string, string> {
  return Object.fromEntries(Object.entries(faults).map(([name, { url }]) => [name, url]));
}

describe("a call of a provider that cannot be reached (failure mode 83)", () => {
  it("tells the caller the class of the reason, and the audit its code", async () => {
    const faults = plainFaults();
    const found = await callsOf(urlsOf(faults));
    for (const [name, { words, code }] of Object.entries(faults)) {
      expect(found[name]).toMatchObject({ message: `the provider cannot be reached: ${words}`, status: 502 });
      expect(found[name]!.cause.replace("DNS_", "")).toBe(code);
    }
  });

  it.skipIf(!hasOpenssl)("tells the problems of certificates apart", async () => {
    const faults = certificateFaults();
    const found = await callsOf(urlsOf(faults));
    for (const [name, { words, code }] of Object.entries(faults))
      expect(found[name]).toMatchObject({
        message: `the provider cannot be reached: ${words}`,
        cause: code,
      });
  });

  it("names what is spoken there in place of HTTP", async () => {
    const found = await callsOf({
      ssh: `http://127.0.0.1:${sshPort()}`,
      reset: `http://127.0.0.1:${resettingPort()}`,
    });
    expect(found["ssh"]!.message).toBe(
      "the provider's response is not usable: the server does not speak HTTP on this port",
    );
    expect(found["ssh"]!.cause).toMatch(/^malformed: /);
    expect(found["reset"]!.cause).toMatch(
      /^(ECONNRESET|closed: the peer closed the connection without a response)$/,
    );
  });

  it.skipIf(!hasOpenssl)("names a provider with TLS that is called without it", async () => {
    const found = await callsOf({ tls: `http://127.0.0.1:${tlsPort(testAuthority())}` });
    expect(found["tls"]!.message).toMatch(/closed the connection|speaks TLS on this port/);
  });
});
