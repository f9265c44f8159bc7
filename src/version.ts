import { version as packageVersion } from "../package.json";

// The build puts these in (`define`); run from source they are not there.
declare const __VERSION__: string | undefined;
declare const __COMMIT__: string | undefined;
declare const __DATE__: string | undefined;
declare const __PLATFORM__: string | undefined;
declare const __RELEASE_KEY__: string | undefined;

export interface Version {
  version: string;
  commit: string;
  /** The time of the build, RFC 3339; "dev" from source. */
  date: string;
  bun: string;
}

export const version: Version = {
  version: typeof __VERSION__ === "string" ? __VERSION__ : packageVersion,
  commit: typeof __COMMIT__ === "string" ? __COMMIT__ : "dev",
  date: typeof __DATE__ === "string" ? __DATE__ : "dev",
  bun: Bun.version,
};

/** The platform that this program was compiled for, as the files of a release name it; undefined from source. */
export const platform = typeof __PLATFORM__ === "string" ? __PLATFORM__ : undefined;

/** The public key that signs releases, in base64; undefined if this build knows none. */
export const releaseKey =
  typeof __RELEASE_KEY__ === "string" && __RELEASE_KEY__ !== "" ? __RELEASE_KEY__ : undefined;

/** The one line of `mcpctl --version`, of this program or of another. */
export function versionLine(of: Version = version): string {
  return `mcpctl ${of.version} (commit ${of.commit}, built ${of.date}, bun ${of.bun})`;
}
