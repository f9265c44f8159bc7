/** Builds the web page of `src/web/`: `bun scripts/web.ts` prints the sizes of its files. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { WebFile, WebFiles } from "../src/server/http/web/assets.ts";

const folder = join(import.meta.dirname, "..", "src", "web");

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** @param isDev true adds the script that reloads the page when its source changes */
export async function buildWeb(isDev = false): Promise<WebFiles> {
  const result = await Bun.build({
    entrypoints: [join(folder, "main.tsx"), join(folder, "style", "main.css")],
    target: "browser",
    format: "esm",
    splitting: true,
    minify: true,
    naming: { entry: "[name]-[hash].[ext]", chunk: "part-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    define: { "process.env.NODE_ENV": '"production"', __DEV__: String(isDev) },
  });
  if (!result.success) throw new AggregateError(result.logs, "could not build the web page");
  const files: Record<string, WebFile> = {};
  for (const output of result.outputs)
    files[basename(output.path)] = file(
      basename(output.path),
      new Uint8Array(await output.arrayBuffer()),
      isDev,
    );
  const icon = readFileSync(join(folder, "icon.svg"));
  const iconName = `icon-${hash(icon)}.svg`;
  files[iconName] = file(iconName, icon, isDev);
  const named = (pattern: RegExp) => `/assets/${Object.keys(files).find((name) => pattern.test(name))}`;
  const index = readFileSync(join(folder, "index.html"), "utf8")
    .replace("/main.css", named(/^main-.*\.css$/))
    .replace("/main.tsx", named(/^main-.*\.js$/))
    .replace("/icon.svg", `/assets/${iconName}`);
  files["index.html"] = file("index.html", Buffer.from(index), isDev);
  return files;
}

let fresh: { stamp: number; files: Promise<WebFiles> } | undefined;

/** Returns the page as its source is now. */
export function freshWeb(): Promise<WebFiles> {
  const stamp = Math.max(...sources().map((path) => statSync(path).mtimeMs));
  if (fresh?.stamp !== stamp) fresh = { stamp, files: buildWeb(true) };
  return fresh.files;
}

function sources(): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.map((name) => join(folder, name)).filter(existsSync);
}

function file(name: string, bytes: Uint8Array, isDev: boolean): WebFile {
  const base64 = (body: Uint8Array) => Buffer.from(body).toString("base64");
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: isDev ? 4 : 11,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return {
    type: types[name.slice(name.lastIndexOf(".") + 1)]!,
    etag: hash(bytes),
    bodies: {
      identity: base64(bytes),
      gzip: base64(gzipSync(bytes, { level: isDev ? 1 : 9 })),
      zstd: base64(Bun.zstdCompressSync(bytes, { level: isDev ? 1 : 19 })),
      br: base64(brotliCompressSync(bytes, { params })),
    },
  };
}

function hash(bytes: Uint8Array): string {
  return Bun.SHA256.hash(bytes, "hex").slice(0, 16);
}

if (import.meta.main) {
  let sum = 0;
  for (const [name, { bodies }] of Object.entries(await buildWeb())) {
    const size = Buffer.from(bodies.br, "base64").length;
    sum += size;
    console.log(`${String(size).padStart(7)}  ${name}`);
  }
  console.log(`${String(sum).padStart(7)}  all, compressed with Brotli`);
}
