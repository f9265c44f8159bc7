import { type Config, readConfig, writeConfig } from "./config.ts";

/**
 * Makes the context of a server the current one, so that later commands use the server that one has logged in to. Makes a
 * context with the name of its host if there is none. A Unix socket gets none: who can open it is the administrator.
 *
 * @param caCert the file with the authorities that are trusted for it, if one was given
 * @returns the name of the context; undefined if nothing changed
 */
export function selectContext(home: string, url: string, caCert: string | undefined): string | undefined {
  if (url.startsWith("unix:")) return undefined;
  const config = readConfig(home);
  const { contexts, currentContext } = config;
  const addressed = (name: string | undefined) => name !== undefined && contexts[name]?.server === url;
  const known = addressed(currentContext) ? currentContext : Object.keys(contexts).find(addressed);
  const name = known ?? freeName(config, url);
  const entry = { ...contexts[name], server: url, ...(caCert !== undefined && { caCert }) };
  if (name === currentContext && entry.caCert === contexts[name]?.caCert) return undefined;
  writeConfig(home, { ...config, contexts: { ...contexts, [name]: entry }, currentContext: name });
  return name;
}

/** Returns the host of a server, with its port or a number after it where the name is taken. */
function freeName({ contexts }: Config, url: string): string {
  const { hostname, host } = new URL(url);
  const names = [hostname, host.replace(":", "-")].map((name) => name.replaceAll(/[[\]]/g, ""));
  const free = names.find((name) => !Object.hasOwn(contexts, name));
  if (free !== undefined) return free;
  for (let i = 2; ; i++) if (!Object.hasOwn(contexts, `${names[0]}-${i}`)) return `${names[0]}-${i}`;
}
