import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { version } from "../../package.json";
import { server } from "../../src/server/command.ts";
import { testServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const packaging = join(import.meta.dirname, "../../packaging");
const read = (path: string) => readFileSync(join(packaging, path), "utf8");

/** Fails if the words are not `server` with flags that it has. */
function assertServerWords(words: string[]) {
  expect(words[0]).toBe("server");
  const flags = words.filter((word) => word.startsWith("--")).map((word) => word.slice(2).replace(/=.*/, ""));
  expect(flags.length).toBeGreaterThan(0);
  for (const flag of flags) expect(Object.keys(server.args)).toContain(flag);
}

/** Fails if a name of a variable is none that the server reads. */
function assertVariables(names: readonly string[]) {
  const described = JSON.stringify(server.args);
  const own = names.filter((name) => name.startsWith("MCPCTL_"));
  expect(own.length).toBeGreaterThan(0);
  for (const name of own) expect(described).toContain(name);
}

/** The settings of the image that a release has. */
const imageText = readFileSync(join(packaging, "../scripts/release/image.ts"), "utf8");

describe("the manifests of Kubernetes", () => {
  // biome-ignore lint/suspicious/noExplicitAny: manifests of Kubernetes
  const objects: any[] = parseAllDocuments(read("kubernetes/mcpctl.yaml")).map((one) => {
    expect(one.errors).toEqual([]);
    return one.toJS();
  });
  const named = (kind: string) => objects.find((one) => one.kind === kind);
  const [container] = named("Deployment").spec.template.spec.containers;

  it("run two servers of this version with flags that there are", () => {
    expect(named("Deployment").spec.replicas).toBe(2);
    expect(container.image).toBe(`mcpctl:${version}`);
    assertServerWords(container.args);
    expect(container.args).toContain("--node-url=http://$(POD_ADDRESS):7777");
  });

  it("set variables that the server reads, and probe paths that it answers without a token", async () => {
    assertVariables(container.env.map(({ name }: { name: string }) => name));
    const { as } = await testServer();
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      const { path, port } = container[probe].httpGet;
      expect(container.ports).toContainEqual(expect.objectContaining({ name: port }));
      expect((await as()("GET", path)).status).toBe(200);
    }
  });

  it("keep one server running, wait for it to be ready, and give streams their time", () => {
    const pod = named("Deployment").spec.template.spec;
    expect(named("PodDisruptionBudget").spec.minAvailable).toBe(1);
    expect(container.readinessProbe.httpGet.path).toBe("/readyz");
    expect(container.livenessProbe.httpGet.path).toBe("/healthz");
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(30 + container.lifecycle.preStop.sleep.seconds);
    const labels = [named("Service").spec.selector, named("PodDisruptionBudget").spec.selector.matchLabels];
    for (const one of labels) expect(one).toEqual(named("Deployment").spec.template.metadata.labels);
  });

  it("give it no rights, and have the database's password in no argument", () => {
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(JSON.stringify(container.args)).not.toContain("postgres");
    expect(read("kubernetes/mcpctl.yaml")).not.toMatch(/hostNetwork|privileged: true|hostPath/);
  });
});

describe("the file for Compose", () => {
  const { services, volumes } = parse(read("compose/compose.yaml"), { merge: true });

  it("runs two servers with flags that there are, each reached by the other", () => {
    for (const name of ["server1", "server2"]) {
      assertServerWords(services[name].command);
      expect(services[name].image).toBe(`mcpctl:${version}`);
      assertVariables(Object.keys(services[name].environment));
      const [, ...check] = services[name].healthcheck.test;
      expect(imageText).toContain(`Test: ["CMD", ${JSON.stringify(check).slice(1).replaceAll(",", ", ")}`);
      expect(services[name].environment.MCPCTL_NODE_URL).toBe(`http://${name}:7777`);
      expect(services[name].environment.MCPCTL_DATABASE_URL).toContain("@database:5432/");
      expect(read("compose/nginx.conf")).toContain(`server ${name}:7777;`);
      expect(services[name]).toMatchObject({ read_only: true, cap_drop: ["ALL"] });
    }
    const used = Object.values<{ volumes?: string[] }>(services).flatMap((one) => one.volumes ?? []);
    for (const volume of Object.keys(volumes))
      expect(used.some((one) => one.startsWith(`${volume}:`))).toBe(true);
  });

  it("opens a port on this machine alone, and has no password in it", () => {
    const ports = Object.values<{ ports?: string[] }>(services).flatMap((one) => one.ports ?? []);
    expect(ports).toEqual(["127.0.0.1:8080:80"]);
    expect(services.database.environment.POSTGRES_PASSWORD).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
  });
});

describe.each(["github", "forgejo"])("the workflow for %s", (name) => {
  const text = read(`ci/${name}.yml`);
  const { jobs } = parse(text);
  const steps: { run?: string; env?: Record<string, string> }[] = jobs.release.steps;

  it("checks each change, and releases a tag that is the version after that", () => {
    expect(JSON.stringify(jobs.check.steps)).toContain("run check");
    expect(jobs.release).toMatchObject({ needs: "check", if: "startsWith(github.ref, 'refs/tags/v')" });
    expect(steps.some(({ run }) => run?.includes('test "$GITHUB_REF_NAME" = "v'))).toBe(true);
    expect(steps.some(({ run }) => run?.includes("run release --url"))).toBe(true);
  });

  it("leaves the key on no disk, also where the signing fails, and signs nothing without a key", () => {
    const folder = temporaryFolder();
    const { run = "" } = steps.find(({ env }) => env?.["RELEASE_KEY"])!;
    const outcome = (RELEASE_KEY: string, exit: number) => {
      writeFileSync(join(folder, "npx"), `#!/bin/sh\nfor last; do :; done; cat "$last"\nexit ${exit}\n`, {
        mode: 0o755,
      });
      const env = { PATH: `${folder}:/usr/bin:/bin`, RUNNER_TEMP: folder, RELEASE_KEY };
      const script = run.replaceAll("/tmp/key.pem", `${folder}/key.pem`);
      const { exitCode, stdout } = Bun.spawnSync(["bash", "-e", "-c", script], { env });
      expect(readdirSync(folder)).toEqual(["npx"]);
      return [exitCode, stdout.toString()];
    };
    expect(outcome("", 0)).toEqual([0, ""]);
    for (const code of [0, 3]) expect(outcome("the key", code)).toEqual([code, "the key\n"]);
  });

  it("gives the key to the step that signs, and to no other", () => {
    const withKey = steps.filter(({ env }) => env?.["RELEASE_KEY"]);
    expect(withKey).toHaveLength(1);
    expect(withKey[0]!.run).toContain("sign-release.ts");
    expect(text.match(/secrets\.RELEASE_KEY/g)).toHaveLength(1);
  });
});
