import { describe, expect, it } from "vitest";
import type { Remedy } from "../../../../src/cli/cmd/doctor/remedies.ts";
import { doctorServer, measuredChecks, runDoctor } from "../../../support/cli/run-doctor.ts";
import { faultyProxy } from "../../../support/faulty-proxy.ts";
import { hasNginx, nginx } from "../../../support/nginx.ts";

/** The settings for nginx in a report. */
function nginxLines(remedies: readonly Remedy[]): string[] {
  const lines = remedies.flatMap((remedy) => remedy.lines.filter(({ proxy }) => proxy === "nginx"));
  return [...new Set(lines.flatMap((one) => one.lines))];
}

describe.skipIf(!hasNginx)("behind nginx, the doctor", () => {
  it("reports what a default nginx breaks, and prints settings that fix it (failure mode 35)", async () => {
    const { server, bearer } = await doctorServer();
    const stock = await runDoctor(await nginx(server.url), bearer);
    expect(stock.proxies).toEqual(["nginx"]);
    expect(stock.verdicts).toMatchObject({
      events: "ok",
      uploads: "warn",
      "large bodies": "fail",
      websocket: "warn",
    });
    expect(stock.transport?.name).toBe("sse");
    const lines = nginxLines(stock.remedies);
    expect(lines).toContain("proxy_request_buffering off;");
    expect(lines).toContain("proxy_set_header Upgrade $http_upgrade;");
    expect(stock.remedies.flatMap(({ lines }) => lines).every(({ proxy }) => proxy === "nginx")).toBe(true);

    const mended = await runDoctor(await nginx(server.url, lines), bearer);
    for (const name of [...measuredChecks, "websocket"])
      expect([name, mended.find(name)?.verdict]).toEqual([name, "ok"]);
    expect([mended.transport?.name, mended.remedies]).toEqual(["websocket", []]);
  });

  it("recognises that nginx holds responses back if it ignores the server's header (failure mode 33)", async () => {
    const { server, bearer } = await doctorServer();
    const { find, remedies } = await runDoctor(
      await nginx(server.url, ["proxy_ignore_headers X-Accel-Buffering;"]),
      bearer,
    );
    expect(find("events")).toMatchObject({ verdict: "fail", figures: { held: true }, fault: "buffering" });
    expect(find("events")!.detail).toContain("arrived all at once");
    const lines = nginxLines(remedies.filter(({ fault }) => fault === "buffering"));
    const mended = await nginx(server.url, ["proxy_ignore_headers X-Accel-Buffering;", ...lines]);
    expect((await runDoctor(mended, bearer)).find("events")?.verdict).toBe("ok");
  });

  it("measures the silence after which a stream is cut (failure mode 34)", async () => {
    const { server, bearer } = await doctorServer();
    const impatient = await nginx(server.url, ["proxy_read_timeout 1s;"]);
    const { find, remedies } = await runDoctor(impatient, bearer, "--idle 3s");
    const silence = find("silence")!;
    expect(silence).toMatchObject({ verdict: "fail", fault: "idle", figures: { asked: 3000, ended: false } });
    expect(silence.figures!["lived"]).toBeGreaterThanOrEqual(900);
    expect(silence.figures!["lived"]).toBeLessThan(3000);
    const patient = await nginx(server.url, nginxLines(remedies.filter(({ fault }) => fault === "idle")));
    expect((await runDoctor(patient, bearer, "--idle 1.5s")).find("silence")?.verdict).toBe("ok");
  });

  it("recognises another host name in requests, and prints the missing header", async () => {
    const { server, bearer } = await doctorServer();
    const renamed = await nginx(server.url, [], { upstream: "backend" });
    const { verdicts, remedies, find } = await runDoctor(renamed, bearer);
    expect(find("server")).toMatchObject({ verdict: "fail", fault: "host" });
    expect(verdicts).not.toHaveProperty("events");
    const lines = nginxLines(remedies);
    expect(lines).toEqual(["proxy_set_header Host $host;"]);
    const mended = await nginx(server.url, lines, { upstream: "backend" });
    expect((await runDoctor(mended, bearer)).find("server")?.verdict).toBe("ok");
  });

  it("reports that nginx cannot reach the server", async () => {
    const { server, bearer } = await doctorServer();
    const url = await nginx(server.url);
    await server.stop();
    const { find, proxies } = await runDoctor(url, bearer);
    expect(find("server")!.detail).toContain("a proxy responds with 502");
    expect(proxies).toEqual(["nginx"]);
  });
});

describe("behind an unknown proxy, the doctor", () => {
  it("recognises buffering, and prints the settings of all known proxies (failure mode 33)", async () => {
    const { server, bearer } = await doctorServer();
    const proxy = faultyProxy(server.url, { buffer: { requests: true, responses: true } });
    const { verdicts, proxies, remedies } = await runDoctor(proxy.url, bearer);
    expect(verdicts).toMatchObject({ events: "fail", uploads: "warn" });
    expect(proxies).toEqual([]);
    const buffering = remedies.find(({ fault }) => fault === "buffering")!;
    expect(buffering.lines.map(({ proxy }) => proxy)).toEqual(["nginx", "Traefik", "Caddy", "Cloudflare"]);
  });

  it.each(["refuse", "strip", "hang"] as const)(
    "sees within three seconds that WebSockets do not open (%s), and what that costs (failure mode 35)",
    async (blockUpgrade) => {
      const { server, bearer } = await doctorServer();
      const proxy = faultyProxy(server.url, { blockUpgrade, delay: 12 });
      const { find, transport, verdicts, ok } = await runDoctor(proxy.url, bearer);
      expect(find("websocket")).toMatchObject({ verdict: "warn", fault: "websocket" });
      expect([ok, verdicts["events"], transport?.name]).toEqual([true, "ok", "sse"]);
      expect(transport?.cost).toMatch(/delayed by about \d+ ms/);
      expect(find("round trip")!.figures!["median"]).toBeGreaterThanOrEqual(20);
      expect(proxy.counters.upgradesBlocked).toBe(1);
    },
  );

  it("reports that an agent cannot work if neither transport passes", async () => {
    const { server, bearer } = await doctorServer();
    const proxy = faultyProxy(server.url, { buffer: { responses: true }, blockUpgrade: "refuse" });
    expect((await runDoctor(proxy.url, bearer)).transport?.name).toBe("none");
  });

  it("reports a stream that is cut (failure mode 34)", async () => {
    const { server, bearer } = await doctorServer();
    const { find } = await runDoctor(faultyProxy(server.url, { killAfter: 500 }).url, bearer);
    expect(find("events")?.verdict).toBe("fail");
    expect(find("events")?.detail).not.toContain("undefined");
  });
});
