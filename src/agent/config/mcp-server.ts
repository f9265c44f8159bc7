import { Type } from "@sinclair/typebox";
import { AppError, type Fault } from "../../errors.ts";
import { sandboxWords } from "../../kinds/mcp-settings.ts";
import { mentionsSecret } from "../../kinds/secret-mention.ts";
import { validate } from "../../kinds/validate.ts";
import { normaliseMcpUrl } from "../../net/provider-url.ts";
import { parsePackage } from "../../processes/launchers/package-source.ts";
import { headerFault } from "../../wire/header-value.ts";
import { isObject } from "../../wire/json.ts";
import type { McpServerConfig, McpSource } from "../core/mcp-server.ts";
import { nameFaults } from "./names.ts";
import { withTextFaults } from "./text-faults.ts";

type Fields = Readonly<Record<string, unknown>>;

const word = Type.String({ maxLength: 8192 });
const words = Type.Array(word, { maxItems: 200 });
const name = Type.String({ minLength: 1, maxLength: 2000, isName: true });
const pairs = Type.Record(Type.String(), Type.String({ maxLength: 32_768 }));
const paths = Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), { maxItems: 100 });

/** Fields of an entry of `mcpServers`. */
const schema = Type.Object(
  {
    name,
    command: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 8192 }), words])),
    package: Type.Optional(Type.String()),
    image: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
    url: Type.Optional(Type.String()),
    args: Type.Optional(words),
    env: Type.Optional(pairs),
    headers: Type.Optional(pairs),
    readable: Type.Optional(paths),
    writable: Type.Optional(paths),
    network: Type.Optional(Type.Boolean()),
    sandbox: Type.Optional(Type.String()),
    idleMinutes: Type.Optional(Type.Number({ minimum: 0, maximum: 43_200 })),
    startSeconds: Type.Optional(Type.Number({ minimum: 1, maximum: 1800 })),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    publish: Type.Optional(Type.Boolean()),
    publishName: Type.Optional(name),
    visibility: Type.Optional(Type.Union([Type.Literal("public"), Type.Literal("private")])),
  },
  { additionalProperties: false },
);

const sources = ["command", "package", "image", "url"] as const;

/** Fields that only a program has. */
const ofPrograms = ["args", "env", "readable", "writable", "network", "sandbox"];

/** Returns every fault in an entry of `mcpServers`, with JSON pointers into it. */
export function checkMcpServer(entry: unknown): Fault[] {
  const faults = withTextFaults(entry, validate(schema, entry));
  if (!isObject(entry) || faults.length > 0) return faults;
  faults.push(...nameFaults(schema, entry));
  const given = sources.filter((source) => entry[source] !== undefined);
  if (given.length !== 1)
    faults.push({
      path: given.length === 0 ? "" : `/${given.at(-1)}`,
      message: `exactly one of ${sources.join(", ")} must be set`,
    });
  const isUrl = entry["url"] !== undefined;
  for (const field of isUrl ? ofPrograms : ["headers"])
    if (entry[field] !== undefined)
      faults.push({ path: `/${field}`, message: isUrl ? "is not for a url" : "is only for a url" });
  return [...faults, ...sourceFaults(entry)];
}

function sourceFaults(entry: Fields): Fault[] {
  const faults = [
    ...faultsOf("/package", entry["package"], parsePackage),
    ...faultsOf("/url", entry["url"], normaliseMcpUrl),
  ];
  if (Array.isArray(entry["command"]) && entry["command"].length === 0)
    faults.push({ path: "/command", message: "must name a program" });
  const {
    sandbox,
    env = {},
    headers = {},
  } = entry as {
    sandbox?: string;
    env?: Record<string, string>;
    headers?: Record<string, string>;
  };
  for (const [field, values] of Object.entries({ env, headers }))
    for (const [key, value] of Object.entries(values))
      if (mentionsSecret(value))
        faults.push({
          path: pointer(field, key),
          message:
            "names a secret or key of mcpctl server, and this machine has none; write the value itself",
        });
  if (sandbox !== undefined && !sandboxWords.some((word) => word === sandbox))
    faults.push({ path: "/sandbox", message: `must be one of ${sandboxWords.join(", ")}` });
  for (const [header, value] of Object.entries(headers)) {
    const fault = /^[\w!#$%&'*+.^`|~-]+$/.test(header) ? headerFault(value) : "is not the name of a header";
    if (fault !== undefined) faults.push({ path: pointer("headers", header), message: fault });
  }
  return faults;
}

function pointer(field: string, key: string): string {
  return `/${field}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function faultsOf(path: string, value: unknown, check: (text: string) => unknown): Fault[] {
  if (typeof value !== "string") return [];
  try {
    check(value);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const hint = error.hint === undefined ? "" : `; ${error.hint}`;
    return [{ path, message: error.details?.[0]?.message ?? `${error.message}${hint}` }];
  }
}

/**
 * Returns the config of an entry that has no fault, with defaults filled in.
 *
 * @param pathOf makes a path of the file absolute
 */
export function mcpServerOf(fields: Fields, pathOf: (path: string) => string): McpServerConfig {
  const { name, publishName, description, visibility } = fields as unknown as McpServerConfig;
  const given = fields as Partial<McpServerConfig>;
  return {
    name,
    publish: given.publish ?? false,
    ...(publishName !== undefined && { publishName }),
    ...(description !== undefined && { description }),
    ...(visibility !== undefined && { visibility }),
    source: sourceIn(fields, pathOf),
    env: given.env ?? {},
    readable: (given.readable ?? []).map(pathOf),
    writable: (given.writable ?? []).map(pathOf),
    network: given.network ?? true,
    sandbox: given.sandbox ?? "auto",
    idleMinutes: given.idleMinutes ?? 15,
    startSeconds: given.startSeconds ?? 60,
  };
}

function sourceIn(fields: Fields, pathOf: (path: string) => string): McpSource {
  const {
    command,
    url,
    headers = {},
    args = [],
  } = fields as {
    command?: string | string[];
    url?: string;
    headers?: Record<string, string>;
    args?: string[];
  };
  if (url !== undefined) {
    const lower = Object.entries(headers).map(([header, value]) => [header.toLowerCase(), value]);
    return { url: normaliseMcpUrl(url), headers: Object.fromEntries(lower) };
  }
  if (command === undefined)
    return fields["package"] === undefined
      ? { image: String(fields["image"]), args }
      : { package: String(fields["package"]), args };
  const [program = "", ...rest] = typeof command === "string" ? [command] : command;
  // A bare word is looked up on PATH when it is run.
  return { command: [program.includes("/") ? pathOf(program) : program, ...rest], args };
}
