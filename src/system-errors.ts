/** The words for an error of the operating system, of the network, of TLS or of a database. They name no host or path. */
export interface SystemReason {
  /** The code of the error: `ECONNREFUSED`. */
  code: string;
  /** A clause that can follow a colon: `the connection was refused`. */
  text: string;
  /** Advice in a sentence. */
  hint?: string;
  /** The proxy on the way: `proxy.example.org:3128`. */
  proxy?: string;
}

type Words = readonly [text: string, hint?: string];

const unknownAuthority: Words = [
  "the certificate was signed by an unknown authority",
  "add the authority's certificate: NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
];
const noName: Words = ["the host name was not found", "check the name, and the DNS settings of this machine"];
const noNameServer: Words = ["the name server does not answer", "check the DNS settings of this machine"];
const closed: Words = ["the connection was closed without an answer"];
const notHttp: Words = ["the answer is not HTTP: another kind of server listens there"];
const noRoute: Words = ["there is no route to the host", "check the network, the VPN and the firewall"];
const noConnection: Words = ["no connection in time", "check the address and the firewall"];
const badKey: Words = ["the certificate cannot be verified", "the server's certificate chain is not valid"];
const diskFull: Words = ["the disk is full"];
const notAllowed: Words = ["permission denied"];
const tooManyFiles: Words = ["too many open files", "raise the limit: ulimit -n"];
const database: Words = ["the connection to the database was lost"];
const badLogin: Words = ["the database refused the user or password"];
const readOnlyDatabase: Words = ["the database is read-only"];

/** Codes of errno, Bun, Node, OpenSSL, its certificate checks, and c-ares. */
const byCode: Readonly<Record<string, Words>> = {
  ECONNREFUSED: ["the connection was refused", "is the server running, and is the port right?"],
  ConnectionRefused: ["the connection was refused", "is the server running, and is the port right?"],
  ECONNRESET: closed,
  ECONNABORTED: closed,
  ConnectionClosed: closed,
  EPIPE: closed,
  ETIMEDOUT: noConnection,
  ESOCKETTIMEDOUT: noConnection,
  EHOSTUNREACH: noRoute,
  EHOSTDOWN: noRoute,
  ENETUNREACH: noRoute,
  ENETDOWN: noRoute,
  EADDRNOTAVAIL: ["this machine does not have the address"],
  EADDRINUSE: ["another program uses the port"],
  EAFNOSUPPORT: ["this machine does not support this kind of address"],
  ENOTFOUND: noName,
  DNS_ENOTFOUND: noName,
  ENODATA: ["the host name has no address"],
  DNS_ENODATA: ["the host name has no address"],
  EAI_AGAIN: noNameServer,
  EAI_FAIL: noNameServer,
  DNS_ETIMEOUT: noNameServer,
  DNS_ECONNREFUSED: noNameServer,
  DNS_ESERVFAIL: noNameServer,
  DNS_EREFUSED: noNameServer,
  DNS_EBADNAME: ["the host name is not valid"],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    "the certificate is self-signed and not trusted on this machine",
    "trust it: NODE_EXTRA_CA_CERTS=/path/to/certificate.pem",
  ],
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    "the certificate was signed by an unknown authority, or the server does not send the whole chain",
    "add the authority's certificate: NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
  ],
  CERT_UNTRUSTED: unknownAuthority,
  CERT_HAS_EXPIRED: [
    "the certificate has expired",
    "renew it; if it is valid, check the clock of this machine",
  ],
  CERT_NOT_YET_VALID: ["the certificate is not valid yet", "check the clock of this machine"],
  CERT_REVOKED: ["the certificate was revoked"],
  CERT_REJECTED: ["the certificate was rejected"],
  CERT_SIGNATURE_FAILURE: badKey,
  CERT_CHAIN_TOO_LONG: badKey,
  INVALID_CA: badKey,
  INVALID_PURPOSE: ["the certificate is not meant for servers"],
  PATH_LENGTH_EXCEEDED: badKey,
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "the certificate is for another host name",
    "use a name that the certificate has",
  ],
  HOSTNAME_MISMATCH: ["the certificate is for another host name", "use a name that the certificate has"],
  EPROTO: [
    "the TLS handshake failed",
    "if the server does not speak TLS there, write http:// instead of https://",
  ],
  Malformed_HTTP_Response: notHttp,
  EACCES: notAllowed,
  EPERM: ["the system does not allow it", "a firewall, a sandbox or the owner of the file can be the reason"],
  ENOENT: ["it does not exist"],
  ENOTDIR: ["a part of the path is not a folder"],
  EISDIR: ["it is a folder"],
  EEXIST: ["it exists already"],
  ENOTEMPTY: ["the folder is not empty"],
  ELOOP: ["it is a symbolic link, or leads through too many"],
  ENAMETOOLONG: ["the path is too long"],
  EROFS: ["the file system is read-only"],
  ENOSPC: diskFull,
  EDQUOT: ["the disk quota is used up"],
  EFBIG: ["the file is too large"],
  EIO: ["the disk reports an error", "look at the system log: dmesg"],
  EBUSY: ["another program uses it"],
  ETXTBSY: ["another program uses it"],
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  ENOMEM: ["there is not enough memory"],
  ENOBUFS: ["there is not enough memory"],
  ESTALE: ["the network share has lost the file"],
  ENODEV: ["the device does not exist"],
  EXDEV: ["the two paths are on different file systems"],
  ENOLCK: ["the file system has no locks", "keep it on a local disk, not on a network share"],
  ENOTSUP: ["the file system does not support it"],
  EOPNOTSUPP: ["the file system does not support it"],
  CONNECT_TIMEOUT: noConnection,
  CONNECTION_CLOSED: database,
  CONNECTION_ENDED: database,
  CONNECTION_DESTROYED: database,
  SASL_SIGNATURE_MISMATCH: badLogin,
  // SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
  "28P01": badLogin,
  "28000": ["the database does not admit the user", "check pg_hba.conf and the user's rights"],
  "3D000": ["the database does not exist"],
  "3F000": ["the schema does not exist"],
  "42501": ["the user has too few rights in the database"],
  "53100": diskFull,
  "53200": ["the database has not enough memory"],
  "53300": ["the database has too many connections", "raise max_connections, or put a pooler in front of it"],
  "57P01": ["the database was shut down by its operator"],
  "57P02": ["the database has crashed and is starting again"],
  "57P03": ["the database is starting up or shutting down"],
  "57014": ["the query was cancelled"],
  "25006": readOnlyDatabase,
  "55P03": ["another program locks the table"],
};

/** Prefixes of codes: the extended result codes of SQLite (sqlite.org/rescode.html), and families of codes. */
const byPrefix: readonly (readonly [prefix: string, words: Words])[] = [
  ["SQLITE_BUSY", ["another program locks the database"]],
  ["SQLITE_LOCKED", ["another program locks the database"]],
  ["SQLITE_CORRUPT", ["the database file is damaged", "restore a backup"]],
  ["SQLITE_NOTADB", ["the file is not an SQLite database"]],
  ["SQLITE_FULL", diskFull],
  ["SQLITE_READONLY", ["the database file is read-only"]],
  ["SQLITE_PERM", notAllowed],
  ["SQLITE_AUTH", notAllowed],
  ["SQLITE_CANTOPEN", ["the database file cannot be opened", "check the file, its folder and their owner"]],
  ["SQLITE_IOERR_LOCK", ["the file system has no locks", "keep it on a local disk, not on a network share"]],
  [
    "SQLITE_IOERR_RDLOCK",
    ["the file system has no locks", "keep it on a local disk, not on a network share"],
  ],
  ["SQLITE_IOERR", ["the disk reports an error", "look at the system log: dmesg"]],
  ["SQLITE_PROTOCOL", ["the file system has no locks", "keep it on a local disk, not on a network share"]],
  ["SQLITE_NOMEM", ["there is not enough memory"]],
  ["SQLITE_TOOBIG", ["the value is too large for the database"]],
  ["ERR_SSL_", ["the TLS handshake failed"]],
  ["ERR_TLS_", ["the TLS handshake failed"]],
  ["HPE_", notHttp],
  ["08", database],
];

/** Parts of messages of OpenSSL, which has one code for all failures of a handshake. */
const plainText = /WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG|Does the server speak TLS/;
const notTls: Words = [
  "the server does not speak TLS on this port",
  "write http:// instead of https://, or use the port of TLS",
];

/** Causes are followed to this depth. */
const maxDepth = 6;

/** Returns the code of an error, or of the nearest of its causes that has one. */
export function systemCodeOf(error: unknown): string | undefined {
  return withCode(error)?.code;
}

/**
 * Returns the words for an error of the system, or for the nearest of its causes that is one.
 *
 * @returns undefined for an error without a code, and for a code that is not known
 */
export function systemReason(error: unknown): SystemReason | undefined {
  const found = withCode(error);
  if (found === undefined) return undefined;
  const words = specialWords(found) ?? wordsOf(found.code);
  if (words === undefined) return undefined;
  const [text, hint] = words;
  const proxy = proxyOf(error);
  return {
    code: found.code,
    text,
    ...(hint !== undefined && { hint }),
    ...(proxy !== undefined && { proxy }),
  };
}

/**
 * Returns the reason of a failure as a clause with its code: `the connection was refused (ECONNREFUSED)`.
 *
 * @param otherwise the clause for an error without a known code
 */
export function reasonText(error: unknown, otherwise = "unknown reason"): string {
  const code = systemCodeOf(error);
  const text = systemReason(error)?.text ?? otherwise;
  const proxy = proxyOf(error);
  const clause = code === undefined ? text : `${text} (${code})`;
  return proxy === undefined ? clause : `${clause}, through the proxy ${proxy}`;
}

/** Returns the words for codes that stand for several faults, which only the message tells apart. */
function specialWords({ code, message }: { code: string; message: string }): Words | undefined {
  if (code === "EPROTO" && plainText.test(message)) return notTls;
  if (code !== "ERR_PROXY_TUNNEL") return undefined;
  const [, status] = /: (\d{3})\b/.exec(message) ?? [];
  if (status === "407")
    return [
      "the proxy requires a user and password",
      "write them into the variable: http://user:password@proxy:3128",
    ];
  return [
    status ? `the proxy refused the connection with status ${status}` : "the proxy does not speak HTTP",
    "to call the host directly, add it to NO_PROXY",
  ];
}

function proxyOf(error: unknown): string | undefined {
  let one = error;
  for (let depth = 0; depth < maxDepth && typeof one === "object" && one !== null; depth++) {
    const { proxy, cause } = one as { proxy?: unknown; cause?: unknown };
    if (typeof proxy === "string") return proxy;
    one = cause;
  }
  return undefined;
}

function wordsOf(code: string): Words | undefined {
  return Object.hasOwn(byCode, code)
    ? byCode[code]
    : byPrefix.find(([prefix]) => code.startsWith(prefix))?.[1];
}

/** A code has letters and digits only: whatever else an error carries is not shown. */
const codePattern = /^[A-Za-z0-9_]{3,60}$/;

/** Errors of mcpctl itself have codes in lower case, which say nothing about the system. */
const ownCode = /^[a-z_]+$/;

function withCode(error: unknown): { code: string; message: string } | undefined {
  let one = error;
  for (let depth = 0; depth < maxDepth && typeof one === "object" && one !== null; depth++) {
    const { code, message, cause } = one as { code?: unknown; message?: unknown; cause?: unknown };
    if (typeof code === "string" && codePattern.test(code) && !ownCode.test(code))
      return { code, message: String(message) };
    one = cause;
  }
  return undefined;
}
