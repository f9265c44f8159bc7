import { afterEach, describe, expect, it, vi } from "vitest";
import { fakeBao } from "../../support/openbao/fake.ts";
import { upstream } from "../../support/upstream.ts";
import { fullPolicy, tokenWith, watch } from "./test-openbao.ts";

afterEach(() => void vi.useRealTimers());

describe("the health of a backend in OpenBao", () => {
  it("is read from the server, without a login if the server is not healthy", async () => {
    const bao = await fakeBao();
    const { driver, pauses } = watch(bao);
    bao.seal();
    expect(await driver.health()).toEqual({ status: "error", reason: 'secret backend "bao": it is sealed' });
    expect(bao.requests.map(({ path }) => path)).toEqual([
      "/v1/sys/health?standbyok=true&perfstandbyok=true",
    ]);
    expect(pauses).toEqual([]);
    bao.unseal();
    expect(await driver.health()).toEqual({ status: "healthy" });
  });

  it.each<[string, number, object, string | undefined]>([
    ["uninitialised", 501, { initialized: false, sealed: true }, "it is not initialised"],
    ["a standby", 429, { initialized: true, sealed: false, standby: true }, undefined],
    ["a performance standby", 473, { initialized: true, sealed: false, standby: true }, undefined],
    [
      "a disaster recovery standby",
      472,
      { initialized: true, sealed: false },
      "it is a standby for disaster recovery",
    ],
    ["removed from its cluster", 530, { initialized: true, sealed: false }, "it answers with status 530"],
    ["something else", 200, { status: "ok" }, "the server at its url is not OpenBao"],
  ])("names the fault of a server that is %s, if it has one", async (_, status, body, words) => {
    const bao = await fakeBao();
    bao.before = ({ path }) => (path.includes("sys/health") ? Response.json(body, { status }) : undefined);
    const health = await watch(bao).driver.health();
    expect(health).toEqual(
      words ? { status: "error", reason: `secret backend "bao": ${words}` } : { status: "healthy" },
    );
  });

  it("of a stopped server says that the connection was refused", async () => {
    const bao = await fakeBao();
    const { driver, pauses } = watch(bao);
    await bao.stop();
    const reason = 'secret backend "bao": the connection was refused';
    expect(await driver.health()).toEqual({ status: "error", reason });
    expect(pauses).toEqual([]);
  });

  it("is reported within five seconds", async () => {
    const { promise: isAsked, resolve: tell } = Promise.withResolvers<void>();
    const silent = upstream(() => tell());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const health = watch({ url: silent.url, mount: "secret", token: "s.x" }).driver.health();
    await isAsked;
    vi.advanceTimersByTime(5_000);
    const reason = 'secret backend "bao": it does not answer within 5 seconds';
    expect(await health).toEqual({ status: "error", reason });
  });

  it("reports an engine that was removed", async () => {
    const bao = await fakeBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount));
    const { driver } = watch({ ...bao, token });
    expect(await driver.health()).toEqual({ status: "healthy" });
    await bao.call("DELETE", `sys/mounts/${bao.mount}`);
    expect(await driver.health()).toEqual({
      status: "error",
      reason: `secret backend "bao": there is no engine at "${bao.mount}"`,
    });
  });
});
