import { expect, it } from "vitest";
import { startBinary } from "../support/binary.ts";
import { residentCode } from "../support/processes/resident-code.ts";

it.runIf(process.platform === "linux")("a server gives back the code that its start has used", async () => {
  const server = await startBinary();
  const atStart = residentCode(server.pid);
  await expect.poll(() => residentCode(server.pid), { timeout: 60_000 }).toBeLessThan(atStart / 2);
  expect((await server.admin("GET", "/api/v1/llms")).status).toBe(200);
});
