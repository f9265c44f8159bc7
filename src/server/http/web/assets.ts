/** A file of the page, compressed in advance. Bodies are in base64. */
export interface WebFile {
  type: string;
  /** A hash of the content. */
  etag: string;
  bodies: { identity: string; gzip: string; zstd: string; br: string };
}

/** The files of the page by name. All but `index.html` have a hash of their content in their name. */
export type WebFiles = Readonly<Record<string, WebFile>>;

// The build puts it in (`define`); run from source it is not there.
declare const __WEB__: WebFiles | undefined;

/**
 * Returns the files of the page. In the compiled program they are part of it. Run from source, they are built when
 * somebody asks for the page, again whenever the source has changed.
 */
export async function webFiles(): Promise<WebFiles> {
  if (typeof __WEB__ === "object") return __WEB__;
  // A path that the bundler does not follow.
  const script = new URL("../../../../scripts/web.ts", import.meta.url).pathname;
  const { freshWeb } = (await import(script)) as { freshWeb(): Promise<WebFiles> };
  return freshWeb();
}

/** Encodings, the best first. */
const encodings = ["br", "zstd", "gzip"] as const;

/** Returns the response with a file: compressed as the browser takes it, or 304 if the browser has it. */
export function fileResponse(request: Request, file: WebFile, headers: Record<string, string>): Response {
  const accepted = request.headers.get("accept-encoding") ?? "";
  const encoding = encodings.find((name) => accepts(accepted, name));
  const etag = `"${file.etag}${encoding ? `-${encoding}` : ""}"`;
  const all = {
    ...headers,
    ...fileHeaders,
    etag,
    vary: "accept-encoding, accept",
    "content-type": file.type,
  };
  if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers: all });
  return new Response(Buffer.from(file.bodies[encoding ?? "identity"], "base64"), {
    headers: { ...all, ...(encoding && { "content-encoding": encoding }) },
  });
}

function accepts(header: string, encoding: string): boolean {
  return header.split(",").some((part) => {
    const [name, weight] = part.trim().split(/ *; *q=/);
    return name === encoding && Number(weight ?? 1) > 0;
  });
}

/** No inline code, nothing from elsewhere, in no frame; texts become markup through one sanitising library (T271, T272). */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types dompurify",
].join("; ");

const fileHeaders = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
