import { version as packageVersion } from "../package.json";

// The build puts these in (`define`); run from source they are not there.
declare const __VERSION__: string | undefined;
declare const __COMMIT__: string | undefined;
declare const __DATE__: string | undefined;

export interface Version {
  version: string;
  commit: string;
  /** When it was built, RFC 3339; "dev" from source. */
  date: string;
  bun: string;
}

export const version: Version = {
  version: typeof __VERSION__ === "string" ? __VERSION__ : packageVersion,
  commit: typeof __COMMIT__ === "string" ? __COMMIT__ : "dev",
  date: typeof __DATE__ === "string" ? __DATE__ : "dev",
  bun: Bun.version,
};

/** The one line of `mcpctl --version`, of this program or of another. */
export function versionLine(of: Version = version): string {
  return `mcpctl ${of.version} (commit ${of.commit}, built ${of.date}, bun ${of.bun})`;
}
