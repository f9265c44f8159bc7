import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";

/**
 * A program that tries what a hostile MCP server would try: `hostile-program.ts ATTEMPTS`, a list of lists in JSON, as
 * `[["read", "/etc/shadow"]]`. It prints one line of JSON for each attempt with what it has got, `{got: …}`, or
 * `{denied: "EACCES"}`, and ends.
 */
const attempts: Record<string, (...args: string[]) => unknown> = {
  /** Reads a file. */
  read: (path) => readFileSync(path!, "utf8"),
  /** Lists a folder. */
  list: (path) => readdirSync(path!),
  write: (path) => {
    writeFileSync(path!, "hostile");
    return "written";
  },
  /** Writes so many MiB to a file. */
  fill: (path, most) => {
    const part = new Uint8Array(16 * 1024 * 1024);
    for (let written = 0; written < Number(most); written += 16) appendFileSync(path!, part);
    return "filled";
  },
  remove: (path) => rmSync(path!),
  /** Searches the environment of every process for a text. */
  environments: (wanted) => {
    const readable = readdirSync("/proc").filter((name) => {
      try {
        return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "latin1").includes(wanted!);
      } catch {
        return false;
      }
    });
    if (readable.length === 0) throw Object.assign(new Error(), { code: "NONE" });
    return readable.length;
  },
  environment: () => process.env,
  /** Sends a signal to a process. */
  kill: (pid) => process.kill(Number(pid), "SIGTERM"),
  /** Connects to a port, or to the path of a Unix socket. */
  connect: (target) =>
    new Promise((done, failed) => {
      const to = target!.startsWith("/") ? { path: target! } : { host: "127.0.0.1", port: Number(target) };
      connect(to)
        .on("connect", () => done("connected"))
        .on("error", failed);
    }),
  /** Sends a datagram to a port. */
  datagram: (port) =>
    new Promise((done, failed) => {
      const socket = createSocket("udp4").on("error", failed);
      socket.send("hostile", Number(port), "127.0.0.1", (error) => {
        socket.close();
        if (error) failed(error);
        else done("sent");
      });
    }),
  /** Starts processes until the system refuses one, or until there are so many. */
  fork: async (most, seconds) => {
    const started = [];
    let refused: unknown;
    for (let count = 0; count < Number(most); count++) {
      const child = spawn("sleep", [seconds!], { stdio: "ignore" });
      refused = await new Promise((done) => child.on("spawn", () => done(undefined)).on("error", done));
      if (refused !== undefined) break;
      started.push(child);
    }
    for (const child of started) child.kill("SIGKILL");
    if (refused !== undefined) throw refused;
    return started.length;
  },
  /** Takes memory in steps of 16 MiB, with a pause of so many milliseconds, until there are so many MiB. */
  memory: async (most, pause) => {
    const parts: Uint8Array[] = [];
    for (let taken = 0; taken < Number(most); taken += 16) {
      parts.push(new Uint8Array(16 * 1024 * 1024).fill(1));
      await Bun.sleep(Number(pause));
    }
    return parts.length;
  },
  /** Reads a line of what the kernel tells about this process. */
  status: (name) =>
    new RegExp(`^${name}:\\s*(\\w+)$`, "m").exec(readFileSync("/proc/self/status", "utf8"))![1],
};

for (const [attempt, ...args] of JSON.parse(process.argv[2]!)) {
  let outcome: object;
  try {
    outcome = { got: await attempts[attempt]!(...args.map(String)) };
  } catch (error) {
    outcome = { denied: (error as { code?: string }).code ?? String(error) };
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
