import { quote } from "./decode.ts";
import { type Block, parseHcl, type Value } from "./hcl.ts";
import { listed, type Namespace, notHere, type Operation, sorted } from "./logical.ts";

export const capabilities = [
  "sudo",
  "read",
  "list",
  "update",
  "delete",
  "create",
  "patch",
  "scan",
  "deny",
] as const;
export type Capability = (typeof capabilities)[number];

/** A `path` block of a policy. */
export interface Rule {
  path: string;
  capabilities: ReadonlySet<Capability>;
}

/** The permissions of a token, from all its policies. */
export interface Acl {
  /** For a root token: the namespace below which everything is permitted. */
  root: Namespace | undefined;
  /** Rules by their exact path. */
  exact: ReadonlyMap<string, ReadonlySet<Capability>>;
  /** Rules by a path with `*` or `+`. */
  patterns: ReadonlyMap<string, ReadonlySet<Capability>>;
}

const known = [
  "comment",
  "policy",
  "capabilities",
  "allowed_parameters",
  "denied_parameters",
  "required_parameters",
  "min_wrapping_ttl",
  "max_wrapping_ttl",
  "mfa_methods",
  "pagination_limit",
  "expiration",
  "list_scan_response_keys_filter_path",
];

const oldWords: Record<string, Capability[]> = {
  deny: ["deny"],
  read: ["read", "list"],
  write: ["create", "read", "update", "delete", "list"],
  sudo: ["create", "read", "update", "delete", "list", "sudo"],
};

/** Parses a policy. Throws an Error with the text of a real server after "failed to parse policy: ". */
export function parsePolicy(text: string, namespace: Namespace): Rule[] {
  const blocks = parseHcl(text);
  const foreign = blocks.filter(({ keys }) => !["name", "path"].includes(keys[0]!));
  if (foreign.length > 0)
    throw new Error(
      listed(foreign.map(({ keys, line }) => `invalid key ${quote(keys[0]!)} on line ${line}`)),
    );
  return blocks
    .filter(({ keys }) => keys[0] === "path")
    .flatMap((block) => pathsOf(block))
    .filter(([path]) => !path.includes("{{"))
    .map(([path, body]) => rule(path, body, namespace));
}

function pathsOf({ keys, value }: Block): [path: string, body: Block[]][] {
  if (keys.length > 1) return [[keys[1]!, inside(value)]];
  // JSON: {"path": {"a": {…}, "b": {…}}}, or a list of such objects.
  const objects = Array.isArray(value) ? value.map(inside) : [inside(value)];
  return objects.flat().map((one) => {
    if (Array.isArray(one.value))
      throw new Error(listed([`path "path": invalid key ${quote(one.keys[0]!)} on line ${one.line}`]));
    return [one.keys[0]!, inside(one.value)];
  });
}

function inside(value: Value): Block[] {
  if (typeof value === "object" && "block" in value) return value.block;
  throw new Error('path "path": cannot check HCL keys of type *ast.LiteralType');
}

function rule(path: string, body: Block[], namespace: Namespace): Rule {
  const foreign = body.filter(({ keys }) => !known.includes(keys[0]!));
  if (foreign.length > 0)
    throw new Error(
      listed(
        foreign.map(
          ({ keys, line }) => `path ${quote(path)}: invalid key ${quote(keys[0]!)} on line ${line}`,
        ),
      ),
    );
  const own = ["comment", "policy", "capabilities"];
  const other = body.find(({ keys }) => !own.includes(keys[0]!));
  if (other) throw notHere(`${other.keys[0]} in policies`);

  const full = namespace.path + path.replace(/^\//, "");
  if (full.includes("+*"))
    throw new Error(`path ${quote(full)}: invalid use of wildcards ('+*' is forbidden)`);
  const given = new Set<Capability>();
  for (const { keys, value } of body) {
    if (keys[0] === "capabilities") {
      if (!Array.isArray(value)) throw new Error(`path ${quote(path)}: unknown slice type: *ast.LiteralType`);
      for (const word of value) given.add(capability(path, word));
    }
    if (keys[0] === "policy") {
      const words = oldWords[value as string];
      if (words === undefined) throw new Error(`path ${quote(path)}: invalid policy ${quote(String(value))}`);
      for (const word of words) given.add(word);
    }
  }
  return { path: full, capabilities: given.has("deny") ? new Set(["deny"]) : given };
}

function capability(path: string, word: unknown): Capability {
  const found = capabilities.find((one) => one === word);
  if (found === undefined) throw new Error(`path ${quote(path)}: invalid capability ${quote(String(word))}`);
  return found;
}

/** Merges rules: two rules for one path add up, and `deny` overrides every other capability. */
export function aclOf(rules: readonly Rule[], root?: Namespace): Acl {
  const exact = new Map<string, ReadonlySet<Capability>>();
  const patterns = new Map<string, ReadonlySet<Capability>>();
  for (const { path, capabilities } of rules) {
    const merged = path.endsWith("*") || hasSegments(path) ? patterns : exact;
    const all = new Set([...(merged.get(path) ?? []), ...capabilities]);
    merged.set(path, all.has("deny") ? new Set(["deny"]) : all);
  }
  return { root, exact, patterns };
}

/** True if a path is below that of a namespace. */
function isBelow(namespace: Namespace, parent: Namespace): boolean {
  return namespace.path.startsWith(parent.path);
}

/** Returns the capabilities at a path, which is without that of its namespace. Undefined if no rule matches. */
export function capabilitiesAt(
  acl: Acl,
  namespace: Namespace,
  path: string,
  operation: Operation = "list",
): ReadonlySet<Capability> | "root" {
  if (acl.root !== undefined) return isBelow(namespace, acl.root) ? "root" : new Set();
  const full = (namespace.path + path).replace(/^\/+/, "");
  const listing = operation === "list" || operation === "scan";
  const bare = full.replace(/\/$/, "");
  return (
    acl.exact.get(full) ??
    (listing ? acl.exact.get(bare) : undefined) ??
    byPattern(acl, full) ??
    (listing && full.endsWith("/") ? byPattern(acl, bare) : undefined) ??
    new Set<Capability>()
  );
}

/** True if a token has a capability at a path. */
export function mayDo(acl: Acl, namespace: Namespace, path: string, operation: Operation): boolean {
  const found = capabilitiesAt(acl, namespace, path, operation);
  return found === "root" || (operation !== "" && operation !== "header" && found.has(operation));
}

/** True if a token may do something in an engine, so that it may see that the engine exists. */
export function mayReach(acl: Acl, namespace: Namespace, mount: string): boolean {
  const here = capabilitiesAt(acl, namespace, mount);
  if (here === "root") return true;
  if (here.size > 0 && !here.has("deny")) return true;
  const full = namespace.path + mount;
  const gives = ([, may]: [string, ReadonlySet<Capability>]) => may.size > 0 && !may.has("deny");
  const plain = [...acl.patterns].filter(([path]) => !hasSegments(path));
  const segmented = [...acl.patterns].filter(([path]) => hasSegments(path));
  if ([...acl.exact, ...plain].filter(gives).some(([path]) => path.startsWith(full))) return true;
  // Of the rules that end with `*` even a denial is enough if there are no others, as in a real server.
  if (segmented.length === 0) return plain.some(([path]) => matches(path, full));
  return segmented.filter(gives).some(([path]) => segmentsReach(path, full));
}

function hasSegments(path: string): boolean {
  return path === "+" || path.includes("/+") || path.startsWith("+/");
}

/** True if a rule reaches a mount, as `+/data/x` reaches `secret/`: each segment of the mount matches one of the rule. */
function segmentsReach(pattern: string, mount: string): boolean {
  const isPrefix = pattern.endsWith("*");
  const given = pattern.replace(/\*$/, "").split("/");
  const wanted = mount.replace(/\/$/, "").split("/");
  return wanted.every((segment, index) => {
    if (isPrefix && index >= given.length - 1)
      return index > given.length - 1 || segment.startsWith(given[index]!);
    return given[index] === "+" || given[index] === segment;
  });
}

/** Returns the rule with `*` or `+` that matches a path: the one whose exact beginning is the longest. */
function byPattern(acl: Acl, path: string): ReadonlySet<Capability> | undefined {
  const found = [...acl.patterns.keys()].filter((pattern) => matches(pattern, path));
  const best = found.sort(bySpecificity).at(-1);
  return best === undefined ? undefined : acl.patterns.get(best);
}

function matches(pattern: string, path: string): boolean {
  const isPrefix = pattern.endsWith("*");
  const plain = isPrefix ? pattern.slice(0, -1) : pattern;
  if (!hasSegments(pattern)) return path.startsWith(plain);
  const [wanted, given] = [plain.split("/"), path.split("/")];
  if (isPrefix ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every((segment, index) => {
    if (segment === "+" || segment === given[index]) return true;
    return isPrefix && index === wanted.length - 1 && given[index]!.startsWith(segment);
  });
}

/** Compares two patterns: the later one is more specific. */
function bySpecificity(a: string, b: string): number {
  const describe = (pattern: string) => {
    const isPrefix = pattern.endsWith("*");
    const path = isPrefix ? pattern.slice(0, -1) : pattern;
    const segments = hasSegments(pattern);
    return {
      first: segments ? pattern.indexOf("+") : path.length,
      isPrefix,
      wildcards: path.split("/").filter((segment) => segments && segment === "+").length,
      path,
    };
  };
  const [one, other] = [describe(a), describe(b)];
  return (
    one.first - other.first ||
    Number(other.isPrefix) - Number(one.isPrefix) ||
    other.wildcards - one.wildcards ||
    one.path.length - other.path.length ||
    (one.path < other.path ? -1 : 1)
  );
}

/** Returns the names of policies as they are stored: lower case, each once, sorted, and `root` alone if it is there. */
export function sanitized(names: readonly string[], addDefault = false): string[] {
  const clean = names.map((name) => name.trim().toLowerCase());
  if (clean.includes("root")) return ["root"];
  return sorted(new Set([...clean.filter((name) => name !== ""), ...(addDefault ? ["default"] : [])]));
}
