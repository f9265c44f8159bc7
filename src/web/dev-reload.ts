import { send } from "./api/client.ts";

/** Reloads the page when the server has another one. For `bun run dev` only; not in the compiled program. */
export function reloadOnChange(): void {
  let etag: string | undefined;
  setInterval(async () => {
    try {
      const { headers } = await send("/", { method: "HEAD", headers: { accept: "text/html" } });
      const now = headers.get("etag") ?? undefined;
      if (etag !== undefined && now !== undefined && now !== etag) location.reload();
      etag = now ?? etag;
    } catch {
      // The server is starting again.
    }
  }, 1000);
}
