import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { kinds } from "../src/kinds/index.ts";
import { alone } from "./alone.ts";
import { circlesIn, twoWayFolders } from "./support/import-graph.ts";
import { cliFolders, composition, mayImport, mayUse, serverMayImport } from "./support/room-rules.ts";

const root = new URL("..", import.meta.url).pathname;

interface File {
  /** From the root of the repository: `src/kinds/llm.ts`. */
  path: string;
  text: string;
  /** Imports, static and dynamic: a path from the root, or a package's name. */
  imports: string[];
  /** Imports of types and nothing else. */
  typeImports: string[];
}

const files: File[] = [...new Bun.Glob("src/**/*.{ts,tsx}").scanSync(root)].sort().map((path) => {
  const text = readFileSync(join(root, path), "utf8");
  const specifiers = (pattern: RegExp) =>
    [...text.matchAll(pattern)].map(([, one]) =>
      one!.startsWith(".") ? normalize(join(dirname(path), one!)) : one!,
    );
  const imports = specifiers(/(?:^(?:import|export) [^"\n]*from |^\} from |^import |\bimport\()"([^"]+)"/gm);
  const typeImports = specifiers(/^(?:import|export) type [^"]*"([^"]+)"/gm);
  return { path, text, imports, typeImports };
});

/** The room a file is in: `kinds`, or for a file beside the rooms its own name. */
function roomOf(path: string): string {
  return path.replace(/^src\//, "").replace(/\/.*|\.tsx?$/, "");
}

function inRoom(room: string): File[] {
  return files.filter(({ path }) => roomOf(path) === room);
}

/** The room of a file inside `src/server`: `core`, or for a file beside the rooms its own name. */
function serverRoomOf(path: string): string {
  return path.replace(/^src\/server\//, "").replace(/\/.*|\.ts$/, "");
}

/** The files of `src`, and the files of `src` that each imports. */
const graph = new Map(
  files.map(({ path, imports }) => [path, imports.filter((one) => one.startsWith("src/"))]),
);

/** Packages that draw the console, and the one file that loads them: other verbs start without them. */
const drawing = { packages: /^(ink|react)$/, file: "src/cli/cmd/console/ink-ui.ts" };

/** The verbs that start a server or an agent are the command line's, and stand with what they start. */
const isVerbFile = (path: string) => path === "src/server/command.ts" || path.startsWith("src/agent/cmd/");
const forVerbs = [
  "src/cli/client/agent-answers.ts",
  "src/cli/core/api-client.ts",
  "src/cli/core/command.ts",
  "src/cli/core/context.ts",
  "src/cli/client/endpoint.ts",
  "src/cli/output/format.ts",
  "src/cli/output/table.ts",
  "src/cli/terminal/progress.ts",
];

describe("the rooms", () => {
  it("all have import rules", () => {
    for (const { path } of files) expect(Object.keys(mayImport), path).toContain(roomOf(path));
  });

  it("import only the rooms that their rules allow", () => {
    for (const { path, imports } of files) {
      const room = roomOf(path);
      for (const imported of imports.filter((one) => one.startsWith("src/"))) {
        if (isVerbFile(path) && forVerbs.includes(imported)) continue;
        expect([room, ...mayImport[room]!], `${path} imports ${imported}`).toContain(roomOf(imported));
      }
    }
  });

  it("are left out of the page, but for two files without imports", () => {
    const outside = inRoom("web").flatMap(({ imports }) =>
      imports.filter((one) => /^src\/(?!web\/)/.test(one)),
    );
    const without = ["src/kinds/fill-template.ts", "src/kinds/operations.ts"];
    expect([...new Set(outside)].sort()).toEqual(without);
    for (const path of without) expect(graph.get(path), path).toEqual([]);
  });

  it("inside the server import the rooms below them, and types of the rooms beside them", () => {
    for (const { path, imports, typeImports } of inRoom("server")) {
      const room = serverRoomOf(path);
      if (composition.includes(room)) continue;
      const rules = serverMayImport[room];
      expect(rules, `${path} is in a room without rules`).toBeDefined();
      for (const imported of imports.filter((one) => one.startsWith("src/server/"))) {
        const allowed = [room, ...rules!.below, ...(typeImports.includes(imported) ? rules!.beside : [])];
        expect(allowed, `${path} imports ${imported}`).toContain(serverRoomOf(imported));
      }
    }
  });

  it("inside the command line import the folders before them", () => {
    const order = (path: string) => cliFolders.indexOf(path.split("/")[2]!);
    for (const { path, imports } of inRoom("cli")) {
      expect(order(path), `${path} is in a folder without rules`).toBeGreaterThanOrEqual(0);
      for (const imported of imports.filter((one) => one.startsWith("src/cli/")))
        expect(order(imported), `${path} imports ${imported}`).toBeLessThanOrEqual(order(path));
    }
  });

  it("have no circle of files that import each other, types included", () => {
    expect(circlesIn(graph)).toEqual([]);
  });

  it("have no two folders that import each other, but for a folder and one inside it", () => {
    expect(twoWayFolders(graph)).toEqual([]);
  });

  it("use only the packages that their rules allow: src/kinds only TypeBox, rooms without I/O none", () => {
    for (const { path, imports } of files) {
      const allowed = mayUse[roomOf(path)];
      for (const imported of imports.filter((one) => !/^(src\/|package\.json$)/.test(one))) {
        if (path === drawing.file && drawing.packages.test(imported)) continue;
        // Drizzle writes the migrations; the store embeds them.
        if (
          /^drizzle\/(sqlite|postgres)\/migrations\.ts$/.test(imported) &&
          path.startsWith("src/server/core/store/")
        )
          continue;
        expect(allowed?.test(imported), `${path} imports ${imported}`).toBe(true);
      }
    }
  });

  it("use the router in one file, and the database in one folder", () => {
    const using = (name: RegExp) =>
      files.filter(({ imports }) => imports.some((one) => name.test(one))).map(({ path }) => path);
    expect(using(/^elysia/)).toEqual(["src/server/http/app.ts"]);
    for (const path of using(/^(drizzle-orm|postgres$|bun:sqlite)/))
      expect(path).toMatch(/^src\/server\/core\/store\//);
    expect(using(/^citty/)).toEqual(["src/cli/core/command.ts"]);
  });

  it("load a verb only when it is called", () => {
    const commands = files.find(({ path }) => path === "src/commands.ts")!;
    const atStart = [...commands.text.matchAll(/^import (?!type)[^;]*"([^"]+)"/gm)].map(([, one]) => one);
    expect(atStart).toEqual([]);
    expect(commands.imports.length).toBeGreaterThan(10);
  });

  it("call fetch nowhere: calls go out through src/net", () => {
    const fetching = files
      .filter(({ text }) => /(?<![.#\w])fetch\((?!request[,)])/.test(text))
      .map(({ path }) => path);
    // The page's own way to its server.
    expect(fetching).toEqual(["src/web/api/client.ts"]);
  });
});

describe("every file", () => {
  it("is short, with a name in kebab-case", () => {
    for (const { path, text } of files) {
      expect(text.split("\n").length, path).toBeLessThanOrEqual(400);
      expect(path).toMatch(/^src(\/[a-z0-9]+(-[a-z0-9]+)*)+\.tsx?$/);
    }
  });

  it("exports by name, and imports with the extension", () => {
    for (const { path, text, imports } of files) {
      expect(text, path).not.toMatch(/^export \*/m);
      expect(text, path).not.toMatch(/^export default/m);
      for (const imported of imports.filter((one) => /^(src|drizzle)\//.test(one)))
        expect(imported, path).toMatch(/\.tsx?$/);
    }
  });

  it("exports types under names that no other file uses", () => {
    const owners = new Map<string, string>();
    for (const { path, text } of files) {
      for (const [, name] of text.matchAll(/^export (?:interface|type|class) (\w+)/gm)) {
        expect(owners.get(name!) ?? path, `${name} is exported twice`).toBe(path);
        owners.set(name!, path);
      }
    }
  });

  it("reads spec and status of a row through the types of its kind", () => {
    for (const { path, text } of files.filter(({ path }) => path.startsWith("src/server/")))
      expect(text, path).not.toMatch(/\b(spec|status)\["/);
  });

  it("leaves the end of the process to main.ts", () => {
    for (const { path, text } of files) {
      expect(text, path).not.toMatch(/process\.(exit|abort|reallyExit)\(/);
      if (path !== "src/main.ts") expect(text, path).not.toMatch(/process\.exitCode/);
    }
  });

  it("of the command line writes through a Terminal, which escapes, and nothing in src through console (T42)", () => {
    for (const { path, text } of files) {
      expect(text, path).not.toMatch(/\bconsole\.\w+\(/);
      // The console's texts are made harmless before they are drawn (T223).
      if (roomOf(path) === "cli" && !path.startsWith("src/cli/terminal/") && path !== drawing.file)
        expect(text, path).not.toMatch(/\b(process|Bun)\.std(out|err)\b/);
    }
    const devices = files.filter(({ text }) => /\bprocessTerminal\(/.test(text)).map(({ path }) => path);
    expect(devices).toEqual(["src/cli/terminal/process-terminal.ts", "src/main.ts"]);
    const taking = files.filter(({ text }) => /\bTerminalDevice\b/.test(text)).map(({ path }) => path);
    expect(taking.filter((path) => !path.startsWith("src/cli/terminal/"))).toEqual(["src/cli/core/run.ts"]);
  });

  it("of the page makes markup of texts in one place, and keeps no bearer (T272)", () => {
    const web = inRoom("web");
    expect(web.length).toBeGreaterThan(10);
    for (const { path, text } of web) {
      expect(text, path).not.toMatch(
        /dangerouslySetInnerHTML|\b(inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function\(/,
      );
      expect(text, path).not.toMatch(/sessionStorage|indexedDB|document\.cookie/);
      if (path !== "src/web/ui/markdown.tsx") expect(text, path).not.toMatch(/dompurify/);
    }
  });

  it("has no TODO", () => {
    for (const { path, text } of files) expect(text, path).not.toMatch(/\b(TODO|FIXME|XXX|HACK)\b/);
  });
});

describe("a kind", () => {
  it("is one descriptor and one line in the list, and one file of hooks if it has behaviour", () => {
    const list = inRoom("kinds").find(({ path }) => path === "src/kinds/index.ts")!;
    const hooks = files.find(({ path }) => path === "src/server/core/catalogue/hooks/index.ts")!;
    const descriptors = inRoom("kinds").filter(({ text }) => /= defineKind\(/.test(text));
    expect(descriptors.length).toBeGreaterThanOrEqual(8);
    for (const { path, text } of descriptors) {
      expect(list.imports, path).toContain(path);
      const own = path.replace("src/kinds/", "src/server/core/catalogue/hooks/");
      if (files.some((file) => file.path === own)) expect(hooks.imports).toContain(own);
      expect([...text.matchAll(/= defineKind\(/g)], path).toHaveLength(1);
    }
  });

  it("adds to its routes in one file of http/kinds and one line in the list; the generic routes name no kind", () => {
    const list = files.find(({ path }) => path === "src/server/http/kinds/index.ts")!;
    const own = files.filter(({ path }) => /^src\/server\/http\/kinds\/(?!index|define)/.test(path));
    expect(own.length).toBeGreaterThan(1);
    for (const { path } of own) expect(list.imports).toContain(path);
    const names = kinds.flatMap(({ kind, plural }) => [kind, plural]).join("|");
    for (const path of ["src/server/http/routes/resource.ts", "src/server/http/watch.ts"])
      expect(files.find((file) => file.path === path)!.text, path).not.toMatch(
        new RegExp(`["'\`/](${names})["'\`/]|kinds/(${names})\\.ts`),
      );
  });

  it("such as project is named nowhere else in the server but where MCP clients are served: routes, access and storage use its descriptor", () => {
    const hooks = [
      // An agent passes requests of the MCP clients of its machine on.
      "src/agent/endpoint/local-request.ts",
      // A token may belong to a project.
      "src/server/core/access/token-projects.ts",
      // The MCP servers of a project are rows of their own.
      "src/server/core/catalogue/attachments.ts",
      // The prompt of a persona leads calls of its tools.
      "src/server/core/catalogue/hooks/agent.ts",
      "src/server/core/catalogue/hooks/index.ts",
      "src/server/core/catalogue/hooks/project.ts",
      // Prompts are written with a right on their project, and have links to servers of projects.
      "src/server/core/catalogue/hooks/prompt.ts",
      "src/server/core/catalogue/prompt-links.ts",
      // Messages of MCP clients to a project are read without a `Request`.
      "src/server/http/http1/light-request.ts",
      "src/server/http/kinds/index.ts",
      "src/server/http/kinds/project.ts",
    ];
    const naming = files
      .filter(({ path }) => !["cli", "kinds", "web"].includes(roomOf(path)))
      .filter(({ path }) => !/^src\/server\/(mcp\/|http\/routes\/mcp|core\/store\/typed-rows)/.test(path))
      .filter(({ text }) =>
        /["'`/.]projects?\b|projectHooks/.test(text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, "")),
      )
      .map(({ path }) => path);
    expect(naming).toEqual(hooks);
  });
});

describe("a test file", () => {
  it("waits as long as the others, because limits of its own are over too early on a busy machine", () => {
    const impatient = [...new Bun.Glob("test/**/*.ts").scanSync(root)]
      .filter(
        (path) =>
          !["test/house.test.ts", "test/support/passes.ts", "test/support/console-crash.ts"].includes(path),
      )
      .filter((path) => {
        const text = readFileSync(join(root, path), "utf8");
        const polls = text.matchAll(/expect\.poll\([^;]*?timeout: ([\d_]+)/g);
        const tests = text.matchAll(
          /^ *\}, (\d+_?\d{3})\);$|\b(?:it|describe)[^\n]*\{ timeout: ([\d_]+) \}/gm,
        );
        const limits = [...polls, ...tests].map(([, a, b]) => Number((a ?? b)!.replaceAll("_", "")));
        return text.includes("vi.waitFor(") || limits.some((limit) => limit < 60_000);
      });
    expect(impatient).toEqual([]);
  });

  it("has a process of its own if it replaces modules or globals, because others share theirs", () => {
    const replacing = [...new Bun.Glob("test/**/*.test.ts").scanSync(root)].filter((path) =>
      /\bvi\.(mock|doMock|stubGlobal|stubEnv)\(/.test(readFileSync(join(root, path), "utf8")),
    );
    expect(replacing).toContain("test/cli/kinds/kind-writes.test.ts");
    const sharing = replacing.filter((path) => !alone.some((glob) => new Bun.Glob(glob).match(path)));
    expect(sharing).toEqual([]);
  });
});
