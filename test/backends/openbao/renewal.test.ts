import { describe, expect, it } from "vitest";
import { fakeBao } from "../../support/openbao/fake.ts";
import { isReal, openBao } from "../../support/openbao/open.ts";
import { appRole, errorOf, fullPolicy, selfPolicy, tokenWith, watch } from "./test-openbao.ts";

const ref = "sec_1/ver_1";
const hour = 3600;

describe("a token that expires", () => {
  it("is renewed after two thirds of its TTL, and again by the TTL of the renewal", async () => {
    const bao = await openBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount), { period: `${hour}s` });
    const { driver, timers, clock } = watch({ ...bao, token }, { random: () => 0 });
    await driver.read(ref);
    expect(timers).toHaveLength(1);
    const [first] = timers.splice(0);
    expect(first!.ms).toBeGreaterThan((hour - 10) * 1000 * (2 / 3));
    expect(first!.ms).toBeLessThanOrEqual((hour * 1000 * 2) / 3);
    clock.now += first!.ms;
    first!.run();
    await expect.poll(() => timers.length).toBe(1);
    expect(timers[0]!.ms).toBe((hour * 1000 * 2) / 3);
    const { body } = await bao.call("POST", "auth/token/lookup", { token });
    expect(body.data.last_renewal_time).toBeGreaterThan(0);
  });

  it("is renewed up to a tenth earlier and at least daily, and not after the driver is closed", async () => {
    const bao = await openBao();
    const token = await tokenWith(bao, selfPolicy, { period: "2160h" });
    const { driver, timers } = watch({ ...bao, token });
    await errorOf(driver.read(ref));
    expect(timers.map(({ ms }) => ms)).toEqual([24 * hour * 1000 * 0.9]);
    driver.close?.();
    expect(timers).toEqual([]);
  });

  it("is renewed again after a failed renewal, until it expires", async () => {
    const bao = await fakeBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount), { period: "900s" });
    const { driver, timers, clock, warnings } = watch({ ...bao, token }, { random: () => 0 });
    await driver.read(ref);
    bao.before = ({ path }) => (path.endsWith("renew-self") ? "drop" : undefined);
    const [first] = timers.splice(0);
    clock.now += first!.ms;
    first!.run();
    await expect.poll(() => timers.length).toBe(1);
    const [second] = timers.splice(0);
    expect(second!.ms).toBeGreaterThan(70_000);
    expect(second!.ms).toBeLessThanOrEqual(75_000);
    bao.before = undefined;
    clock.now += second!.ms;
    second!.run();
    await expect.poll(() => timers.length).toBe(1);
    expect(timers[0]!.ms).toBe(600_000);
    expect(warnings).toEqual([]);
    expect(await driver.health()).toEqual({ status: "healthy" });
  });

  it("from the config is used after its last renewal, with a warning", async () => {
    const bao = await openBao();
    const wishes = { ttl: "1h", explicit_max_ttl: "1h" };
    const token = await tokenWith(bao, fullPolicy(bao.mount), wishes);
    const { driver, timers, warnings } = watch({ ...bao, token });
    expect(await driver.health()).toEqual({ status: "healthy" });
    timers.splice(0)[0]!.run();
    await expect.poll(() => warnings).toEqual(['secret backend "bao": its token cannot be renewed any more']);
    expect(timers).toEqual([]);
    expect(await driver.read(ref)).toBeNull();
    const health = await driver.health();
    expect(health.status).toBe("warning");
    expect(health.reason).toMatch(
      /^secret backend "bao": its token expires at \d{4}-\d\d-\d\dT[\d:.]+Z and cannot be renewed$/,
    );
  });

  it("from a login lasts as long as its renewals permit", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao, { token_ttl: "10m" });
    let logins = 0;
    const { driver, timers, clock } = watch(bao, {
      config: { auth },
      async credential() {
        logins++;
        return secretId;
      },
    });
    await driver.read(ref);
    const [first] = timers.splice(0);
    clock.now += first!.ms;
    first!.run();
    await expect.poll(() => timers.length).toBe(1);
    clock.now += 500_000;
    expect(await driver.read(ref)).toBeNull();
    expect(logins).toBe(1);
    clock.now += 95_000;
    await driver.read(ref);
    expect(logins).toBe(2);
  });

  it("from a login is replaced by a new login after its last renewal", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao, { token_ttl: "10m", token_max_ttl: "10m" });
    let logins = 0;
    const { driver, timers, clock, warnings } = watch(bao, {
      config: { auth },
      async credential() {
        logins++;
        return secretId;
      },
    });
    await driver.read(ref);
    timers.splice(0)[0]!.run();
    clock.now += 595_000;
    await expect.poll(() => driver.read(ref).then(() => logins)).toBe(2);
    expect(warnings).toEqual([]);
    expect(await driver.health()).toEqual({ status: "healthy" });
  });

  it("makes a warning if it cannot be renewed and expires soon", async () => {
    const bao = await openBao();
    const soon = [...(isReal ? [{ type: "batch", ttl: "1h" }] : []), { ttl: "1h", renewable: false }];
    for (const wishes of soon) {
      const token = await tokenWith(bao, fullPolicy(bao.mount), wishes);
      const { driver, timers } = watch({ ...bao, token });
      expect(await driver.health()).toMatchObject({ status: "warning" });
      expect(timers).toEqual([]);
    }
    const far = await tokenWith(bao, fullPolicy(bao.mount), { ttl: "200h", renewable: false });
    expect(await watch({ ...bao, token: far }).driver.health()).toEqual({ status: "healthy" });
  });

  it("makes a warning if its uses are counted, too", async () => {
    const bao = await openBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount), { num_uses: 20 });
    const health = await watch({ ...bao, token }).driver.health();
    expect(health.status).toBe("warning");
    expect(health.reason).toMatch(
      /^secret backend "bao": its token can be used 1\d more times; each request takes one$/,
    );
  });
});
