import { readFileSync } from "node:fs";
import { AppError } from "../../../../errors.ts";

/** One server of a database: an address, or the path of a Unix socket. */
export type DatabaseHost = { host: string; port: number } | { path: string };

/** The values of `sslmode` (postgresql.org/docs/current/libpq-ssl.html), without `allow`, which protects from nothing. */
export const tlsModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

export interface TlsSettings {
  mode: (typeof tlsModes)[number];
  /** Certificates of authorities, in PEM; the system's if it is left out. */
  ca?: string;
  /** The client's own certificate and key, in PEM. */
  cert?: string;
  key?: string;
}

/** The settings of a connection to PostgreSQL, from a URL and the variables of libpq. */
export interface PostgresSettings {
  /** Servers in the order in which they are tried. */
  hosts: readonly DatabaseHost[];
  user: string | undefined;
  password: string;
  database: string | undefined;
  tls: TlsSettings;
  /** Seconds. */
  connectTimeout: number;
  /** Parameters of the session, such as `search_path`. */
  session: Readonly<Record<string, string>>;
}

/** The parameters of a URL that are honoured, and the variables of libpq that stand in for them. */
const variables = {
  host: "PGHOST",
  port: "PGPORT",
  user: "PGUSER",
  password: "PGPASSWORD",
  dbname: "PGDATABASE",
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  connect_timeout: "PGCONNECT_TIMEOUT",
  application_name: "PGAPPNAME",
  options: "PGOPTIONS",
  target_session_attrs: "PGTARGETSESSIONATTRS",
  search_path: undefined,
} as const;

type Parameter = keyof typeof variables;

/** Variables of libpq that would change the connection, and that are not honoured. */
const refused = [
  ...["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGREQUIREAUTH", "PGCHANNELBINDING"],
  ...["PGREQUIRESSL", "PGSSLNEGOTIATION", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLCERTMODE", "PGSSLSNI"],
  ...[
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLMAXPROTOCOLVERSION",
    "PGGSSENCMODE",
    "PGGSSDELEGATION",
    "PGKRBSRVNAME",
  ],
  ...["PGCLIENTENCODING", "PGLOADBALANCEHOSTS"],
] as const;

/** Returns a database's URL without user, password and parameters, for messages. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/.*@/s, "//").replace(/\?.*/s, "");
}

/**
 * Reads the settings. A parameter of the URL wins over a variable.
 *
 * @throws AppError `invalid_request` that names the parameter or variable which is not known or has a wrong value. It
 *   never has the password
 */
export function postgresSettings(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): PostgresSettings {
  const unsupported = refused.find((name) => env[name]);
  if (unsupported)
    throw invalid(`${unsupported} is set, and mcpctl does not support it`, {
      hint: `Unset it. The parameters of --database-url are ${Object.keys(variables).join(", ")}.`,
    });
  const given = parseUrl(url);
  const value = (name: Parameter): string | undefined => {
    const variable = variables[name];
    return given.get(name) ?? (variable && env[variable] ? env[variable] : undefined);
  };
  const attributes = value("target_session_attrs");
  // A server that accepts no writes is of no use, so that "any" means the same.
  if (attributes && !["any", "read-write", "primary"].includes(attributes))
    throw invalid(`target_session_attrs is ${attributes}, and the server must be able to write`, {
      hint: "Leave it out: of several hosts, the one that accepts writes is used.",
    });
  const timeout = Number(value("connect_timeout") ?? 10);
  if (!Number.isInteger(timeout) || timeout < 0) throw invalid("connect_timeout is not a number of seconds");
  const options = value("options");
  const searchPath = value("search_path");
  return {
    hosts: hostsOf(value("host") ?? "localhost", value("port") ?? "5432"),
    user: value("user"),
    password: value("password") ?? "",
    database: value("dbname"),
    tls: tlsOf(value),
    connectTimeout: timeout || 10,
    session: {
      application_name: value("application_name") ?? "mcpctl",
      ...(options !== undefined && { options }),
      ...(searchPath !== undefined && { search_path: searchPath }),
    },
  };
}

/** Returns the parts and parameters of a URL by the names of their parameters. */
function parseUrl(url: string): Map<string, string> {
  const match = /^postgres(?:ql)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/s.exec(url);
  if (!match) throw notUrl(url);
  const [, authority = "", database = "", query = ""] = match;
  const at = authority.lastIndexOf("@");
  const [user = "", ...rest] = at < 0 ? [] : authority.slice(0, at).split(":");
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const text of authority.slice(at + 1).split(",")) {
    const host = /^(\[[0-9a-f:.%]+\]|[^:[\]]*)(?::(\d{1,5}))?$/i.exec(text);
    if (!host) throw notUrl(url);
    hosts.push(host[1]!.replace(/^\[|\]$/g, ""));
    ports.push(host[2] ?? "");
  }
  const given = new Map<string, string>();
  const add = (name: Parameter, text: string) => {
    if (text !== "") given.set(name, decoded(text, url));
  };
  add("user", user);
  add("password", rest.join(":"));
  add("dbname", database);
  if (hosts.some((host) => host !== "")) add("host", hosts.join(","));
  if (ports.some((port) => port !== "")) add("port", ports.join(","));
  for (const [name, text] of new URLSearchParams(query)) {
    if (!Object.hasOwn(variables, name))
      throw invalid(`${shownUrl(url)} has the parameter ${JSON.stringify(name)}, which is not known`, {
        hint: `The parameters are ${Object.keys(variables).join(", ")}.`,
      });
    given.set(name, text);
  }
  return given;
}

function decoded(text: string, url: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw notUrl(url);
  }
}

/** Lists of hosts and ports are separated by commas; one port is for all hosts. A host with a slash is a folder. */
function hostsOf(hostList: string, portList: string): DatabaseHost[] {
  const hosts = hostList.split(",");
  const ports = portList.split(",").map((port) => Number(port || 5432));
  if (ports.length !== 1 && ports.length !== hosts.length)
    throw invalid(`there are ${hosts.length} hosts of the database and ${ports.length} ports`);
  return hosts.map((name, index) => {
    const port = ports.length === 1 ? ports[0]! : ports[index]!;
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw invalid("the port of the database is not a number from 1 to 65535");
    const host = name || "localhost";
    return host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
  });
}

function tlsOf(value: (name: Parameter) => string | undefined): TlsSettings {
  const text = value("sslmode");
  const mode = tlsModes.find((known) => known === text);
  if (text !== undefined && !mode)
    throw invalid(`sslmode is ${JSON.stringify(text)}, and must be ${tlsModes.join(", ")}`);
  const root = value("sslrootcert");
  const [cert, key] = [value("sslcert"), value("sslkey")];
  if ((cert === undefined) !== (key === undefined)) throw invalid("sslcert and sslkey need each other");
  // As libpq does: with certificates of authorities, `require` checks that one of them signed.
  const strict =
    root === "system" ? "verify-full" : root !== undefined && mode === "require" ? "verify-ca" : mode;
  return {
    mode: strict ?? "prefer",
    ...(root !== undefined && root !== "system" && { ca: read("sslrootcert", root) }),
    ...(cert !== undefined && { cert: read("sslcert", cert) }),
    ...(key !== undefined && { key: read("sslkey", key) }),
  };
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AppError("unavailable", `cannot read ${name} ${path}: ${(cause as { code?: string }).code}`, {
      cause,
    });
  }
}

function invalid(message: string, options: { hint?: string } = {}): AppError {
  return new AppError("invalid_request", message, options);
}

function notUrl(url: string): AppError {
  return invalid(`${shownUrl(url)} is not the URL of a PostgreSQL database`, {
    hint: "Write it as postgres://user:password@host:5432/database.",
  });
}
