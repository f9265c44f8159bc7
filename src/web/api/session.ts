import { signal } from "@preact/signals";

/** The user of this browser, as `whoami` shows it. */
export interface PageUser {
  kind: "User" | "Token";
  user: string;
  groups: string[];
  admin: boolean;
  expiresAt?: string;
}

/** `unknown` until the server has said who it is; `out` shows the sign-in. */
export const session = signal<
  { state: "unknown" | "out"; reason?: string } | { state: "in"; user: PageUser }
>({
  state: "unknown",
});

/** True while the server cannot be reached. */
export const isOffline = signal(false);

/** Changes when the server answers again: lists are read anew. */
export const reconnects = signal(0);

/**
 * One half of the session, which is worth nothing without the cookie that no script can read. All tabs of this origin
 * share it; where the browser keeps no storage, the tab remembers it until it is reloaded.
 */
const key = "mcpctl.page";
let held: string | undefined;

export function pageHalf(): string | undefined {
  try {
    return localStorage.getItem(key) ?? held;
  } catch {
    return held;
  }
}

export function keepPageHalf(half: string | undefined): void {
  held = half;
  try {
    if (half === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, half);
  } catch {
    // A browser without storage.
  }
}

/** Calls back when another tab signs in or out. */
export function onOtherTab(changed: () => void): void {
  window.addEventListener("storage", (event) => {
    if (event.key !== key) return;
    held = event.newValue ?? undefined;
    changed();
  });
}
