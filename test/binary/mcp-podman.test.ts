import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type BinaryServer, must, startBinary } from "../support/binary.ts";
import { podmanHost } from "../support/containers/podman.ts";

const found = podmanHost();
const { env, image, podman } = found ?? { env: {}, image: "", podman: () => "" };

/** Defines an MCP server of the image in the project `p`. */
async function define(server: BinaryServer, name: string, lines: readonly string[]) {
  const path = join(server.home, `${name}.yaml`);
  writeFileSync(path, ["kind: server", `name: ${name}`, `image: ${image}`, ...lines, ""].join("\n"));
  await must(server.run(["apply", "-f", path]));
  await must(server.run(`attach-server ${name} -p p`));
}

const call = async (server: BinaryServer) =>
  /served by (\w+)/.exec(await must(server.run("test mcp -p p --tool host --args {}")))?.[1];

/** The containers of the image, by their ids. */
const containers = () => podman("ps", "--quiet", "--filter", `ancestor=${image}`).split("\n").filter(Boolean);

const web = [
  "port: 8080",
  "path: /cgi-bin/mcp",
  // The first process of a container gets no signal that it does not handle.
  `args: [/bin/sh, -c, "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait"]`,
  "resources: {memoryMb: 64, pids: 30}",
];

describe.skipIf(!found)("an image that serves MCP in Podman", () => {
  // Failure mode 113
  it("over a port is called at the loopback address, with its limits; one that a killed mcpctl has left is ended by the next", async () => {
    const server = await startBinary({ env });
    await must(server.run("create project p"));
    await define(server, "web", web);
    const host = await call(server);
    expect(containers()).toEqual([host]);
    const format = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.ReadonlyRootfs}}";
    expect(podman("inspect", host!, "--format", format).trim()).toBe(`${64 * 1024 * 1024} 30 true`);
    expect(podman("port", host!)).toMatch(/^8080\/tcp -> 127\.0\.0\.1:\d+\n$/);
    server.kill("SIGKILL");
    await server.ended;
    expect(containers()).toEqual([host]);
    const next = await startBinary({ env, home: server.home });
    const after = await call(next);
    expect(containers()).toEqual([after]);
    expect(after).not.toBe(host);
    next.kill("SIGTERM");
    expect(await next.ended).toBe(0);
    expect(containers()).toEqual([]);
  });

  it("over stdin and stdout is called, and is named when it takes more memory than it may", async () => {
    const server = await startBinary({ env });
    await must(server.run("create project p"));
    await define(server, "pipe", ["args: [/www/cgi-bin/mcp]"]);
    const host = await call(server);
    expect(containers()).toEqual([host]);
    const hog = "args: [/bin/sh, -c, 'exec head -c 100000000 /dev/zero > /tmp/x']";
    await define(server, "hog", [hog, "resources: {memoryMb: 16}"]);
    const described = () => must(server.run("describe server hog"));
    await expect.poll(described).toMatch(/killed, as with more memory than memoryMb \(16 MB\)/);
  });
});
