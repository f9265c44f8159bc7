import { expect, it } from "vitest";
import { startBinary } from "../support/binary.ts";
import { residentSection } from "../support/processes/resident-section.ts";

const isLinux = process.platform === "linux";

it.runIf(isLinux)("a server gives back the code and the scripts that its start has used", async () => {
  const server = await startBinary();
  const resident = () => [".text", ".bun"].map((name) => residentSection(server.pid, name));
  const atStart = resident();
  const isGivenBack = () => resident().every((bytes, index) => bytes < atStart[index]! * 0.75);
  await expect.poll(isGivenBack, { timeout: 60_000 }).toBe(true);
  expect((await server.admin("GET", "/api/v1/llms")).status).toBe(200);
});
