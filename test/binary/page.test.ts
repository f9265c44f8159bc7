import { expect, it } from "vitest";
import { startBinary } from "../support/binary.ts";

it("the compiled program carries the page: with its headers, all files, and nothing from elsewhere (T271)", async () => {
  const server = await startBinary();
  const page = await fetch(`${server.url}/`, { headers: { accept: "text/html", "accept-encoding": "br" } });
  expect(page.status).toBe(200);
  expect(Object.fromEntries(page.headers)).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "content-encoding": "br",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
  });
  const policy = page.headers.get("content-security-policy")!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  const html = await page.text();
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const path of files) {
    expect(path).toMatch(/^\/assets\/[\w-]+\.(js|css|svg)$/);
    const file = await fetch(server.url + path);
    expect([path, file.status]).toEqual([path, 200]);
    expect(file.headers.get("cache-control")).toContain("immutable");
    await file.arrayBuffer();
  }
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=/);
});

it("mcpctl ui makes a link that signs in once, on the server's own machine (T273)", async () => {
  const server = await startBinary();
  const { code, stdout, stderr } = await server.run("ui --no-open");
  expect([code, stderr]).toEqual([0, expect.stringContaining("once")]);
  const link = new URL(stdout.trim());
  expect(link.origin).toBe(server.url);
  const body = { code: /^#code=([\w-]+)$/.exec(link.hash)![1]! };
  const first = await server.call("POST", "/api/v1/auth/page", { body });
  expect(first.status).toBe(200);
  const [cookie] = first.headers.get("set-cookie")!.split(";");
  const headers = { cookie: cookie!, "x-mcpctl-page": first.body.page };
  expect((await server.call("GET", "/api/v1/auth/whoami", { headers })).body).toMatchObject({
    user: "admin",
  });
  const stolen: Record<string, string>[] = [{ cookie: cookie! }, { "x-mcpctl-page": first.body.page }];
  for (const half of stolen)
    expect((await server.call("GET", "/api/v1/auth/whoami", { headers: half })).status).toBe(401);
  expect((await server.call("POST", "/api/v1/auth/page", { body })).status).toBe(401);
  expect((await server.call("POST", "/api/v1/auth/page-code", { headers })).status).toBe(403);
  expect(server.said.stderr).not.toContain(body.code);
});
