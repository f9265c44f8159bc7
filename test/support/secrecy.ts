import type { BaoRequest } from "./openbao/types.ts";
import {
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  reply,
  type Script,
  type Seen,
  streamHead,
} from "./upstream.ts";

/**
 * Secrets that look like nobody's: what is taken out of texts has to be taken out by value, or never be there. Most
 * have characters in them that JSON and URLs write in another way.
 */
export const marks = {
  keyOnPlaintext: 'Vq3"plain\\Wd/+2xKp9%Zt=r4Vn8Ls3',
  keyOnSealed: 'Hm8"shut\\Bc/+7yRg5%Nw=k2Jf6Td9',
  keyInOpenBao: 'Xs5"far\\Mj/+4uEb1%Qv=c9Gh3Yk7a',
  openBaoToken: "Pw6-login-Zr2nCx8tVd4kHs9mLb5gTf",
  secretId: 'Jt1"approle\\Sk/+8wQz3%Dm=v6Rc7N',
  adminToken: 'Kd9"wizard\\Fh/+5pXn2%Bt=g7Wj4Ls',
  password: 'Ny4"alice\\Cv/+3rMz6%Kp=d8Tq1Hw',
  rejected: 'Gb2"refused\\Lx/+9sVf7%Jc=n4Zk5P',
} as const;

/** Values that must not be found, by the name that a finding reports. */
export type Marked = ReadonlyMap<string, string | Uint8Array>;

/**
 * Looks for each secret, and for either half of it, in places: as it is, in hexadecimal, in base64 wherever it may
 * begin, and as URLs and JSON write it.
 *
 * @returns a line for each finding, which tells what was found where, and not how it reads
 */
export function findings(marked: Marked, places: Iterable<readonly [string, string | Uint8Array]>): string[] {
  const texts = [...places].map(([place, text]) => [place, Buffer.from(text as string)] as const);
  // Nearly always there is nothing: all of it is searched at once, and each place only for what is there.
  const all = Buffer.concat(texts.map(([, bytes]) => bytes));
  const found = new Set<string>();
  for (const [name, secret] of marked)
    for (const [form, as] of formsOf(secret))
      if (all.includes(as))
        for (const [place, bytes] of texts) if (bytes.includes(as)) found.add(`${name} ${form} in ${place}`);
  return [...found];
}

/** Encodings of a secret, by name. */
function formsOf(secret: string | Uint8Array): [form: string, as: Buffer][] {
  const bytes = Buffer.from(secret as string);
  const middle = bytes.length >> 1;
  const parts = [bytes, bytes.subarray(0, middle), bytes.subarray(middle)];
  const forms = new Map<string, [form: string, as: Buffer]>();
  const add = (form: string, as: string | Buffer) => {
    const key = Buffer.from(as as string).toString("latin1");
    if (!forms.has(key)) forms.set(key, [form, Buffer.from(as as string)]);
  };
  for (const part of parts) {
    add("as it is", part);
    add("in hexadecimal", part.toString("hex"));
    for (const start of [0, 1, 2]) {
      // The text before and after it decides over the characters at both ends.
      const text = Buffer.concat([Buffer.alloc(start), part])
        .toString("base64")
        .replaceAll("=", "");
      const sure = text.slice(Math.ceil((start * 4) / 3), text.length - 1);
      add("in base64", sure);
      add("in base64url", sure.replaceAll("+", "-").replaceAll("/", "_"));
    }
    if (typeof secret !== "string") continue;
    const text = part.toString();
    const quoted = JSON.stringify(text).slice(1, -1);
    add("in a URL", encodeURIComponent(text));
    add("in JSON", quoted);
    add("in JSON in JSON", JSON.stringify(quoted).slice(1, -1));
  }
  return [...forms.values()];
}

/** The key that a provider was sent. */
export function keySent({ headers }: Seen): string {
  return headers["x-api-key"] ?? headers["authorization"]?.replace("Bearer ", "") ?? "";
}

/** Faults that a caller may ask of the provider that repeats its requests. */
export const repeats = [
  ...["300", "307", "400", "401", "403", "404", "413", "422", "429", "500", "503", "529"],
  ...["text", "page", "detail", "bare", "list", "wordless", "half json", "long", "long type"],
  ...["no json", "cut", "frame", "head", "reset"],
] as const;

/** A provider that gives away the key it was sent, in every way that it has. */
export const repeatingProvider: Script = (asked, connection) => {
  const key = keySent(asked);
  const said = `no access for ${key}`;
  const fault = { type: "error", error: { message: said, type: `t-${key}`, code: key, param: key } };
  const headers = {
    "x-echo": key,
    "www-authenticate": `Bearer realm="${key}"`,
    "set-cookie": `key=${key}`,
    "retry-after": key,
    location: `http://127.0.0.1:1/?key=${encodeURIComponent(key)}`,
  };
  const tell = (body: unknown, status = 400) => connection.write(reply(status, body, headers));
  const streamed = (text: string) => connection.write(streamHead + chunk(text) + lastChunk);
  const inBand = `event: error\ndata: ${JSON.stringify(fault)}\n\n`;
  if (asked.method === "GET") return tell(fault, 401);
  const wish = String(asked.body?.messages?.at(-1)?.content ?? "");
  if (/^\d+$/.test(wish)) return tell(fault, Number(wish));
  switch (wish) {
    case "text":
      return tell(`${said}\n`);
    case "page":
      return tell(`<html><title>${said}</title><body>${said}</body></html>`, 502);
    case "detail":
      return tell({ detail: [{ loc: ["header", key], msg: said }] }, 422);
    case "bare":
      return tell({ error: said });
    case "list":
      return tell([fault]);
    // Here the key is as JSON writes it.
    case "wordless":
      return tell({ error: { type: "denied", param: key } });
    case "half json":
      return tell(JSON.stringify(fault).slice(0, -1));
    // A text must not be cut off in the middle of the key.
    case "long":
      return tell({ error: { message: `${"x".repeat(975)} ${key}` } });
    case "long type":
      return tell({ error: { message: "no", type: `${"x".repeat(80)}${key}` } });
    case "no json":
      return tell(`{"key": ${JSON.stringify(key)}`, 200);
    case "frame":
      return streamed(inBand);
    case "cut":
      return streamed(chatFrames(["hel"], false)[0]! + inBand);
    case "head":
      return connection.end(`HTTP/1.1 200 OK\r\nx-echo: ${key}\r\nbroken header ${key}\r\n\r\n${key}`);
    case "reset":
      return connection.reset();
    default:
      return goodProvider(asked, connection);
  }
};

/** Failures of an OpenBao, by name: each repeats the token and the body of the request in its own way. */
export const baoFaults: Readonly<Record<string, (request: BaoRequest) => Response | "drop">> = {
  ...Object.fromEntries(
    [400, 403, 404, 429, 473, 500, 503].map((status) => [
      String(status),
      (request: BaoRequest) =>
        Response.json(
          { errors: [echo(request)], ...everywhere(request) },
          { status, headers: echoing(request) },
        ),
    ]),
  ),
  "a web page": (request) =>
    new Response(`<html><title>${echo(request)}</title></html>`, {
      status: 502,
      headers: { "content-type": "text/html" },
    }),
  "half an answer": (request) =>
    new Response(`{"errors":["${echo(request)}`, { headers: { "content-type": "application/json" } }),
  "no answer": () => "drop",
  "a redirect": (request) =>
    new Response(null, {
      status: 307,
      headers: { location: `http://127.0.0.1:1/${encodeURIComponent(echo(request))}` },
    }),
  "a wrong answer": (request) => Response.json(everywhere(request), { headers: echoing(request) }),
};

/** The confidential parts of a request. */
function echo({ headers, body }: BaoRequest): string {
  return `no access for ${headers["x-vault-token"]} with ${JSON.stringify(body)}`;
}

function echoing({ headers }: BaoRequest): Record<string, string> {
  const token = headers["x-vault-token"] ?? "";
  return { "x-echo": token, "set-cookie": token, location: `/${token}` };
}

/**
 * An answer with the token wherever a server may say something, for whatever it was asked. Names are left out: those
 * of a token role and of a secret's keys are told on purpose.
 */
function everywhere({ headers, body }: BaoRequest): object {
  const token = headers["x-vault-token"] ?? JSON.stringify(body);
  const lease = {
    client_token: token,
    accessor: token,
    policies: [token],
    lease_duration: 60,
    renewable: true,
  };
  const facts = { role: "mcpctl", type: token, path: token, expire_time: token, ttl: 60, num_uses: 0 };
  return {
    request_id: token,
    warnings: [token],
    auth: { ...lease, orphan: false },
    data: {
      ...facts,
      id: token,
      policies: [token],
      keys: [token],
      data: { k: [token] },
      metadata: { version: 1 },
    },
  };
}
