import type { InferenceDialect } from "./test-call.ts";
import type { TomlValue } from "./texts/toml-text.ts";

/** The place of a token that a client reads by itself, so that it does not stand in the client's file. */
export type TokenSource = { file: string } | { variable: string };

/** The settings of one MCP server in a client's file. */
export type ClientEntry = Record<string, TomlValue | Record<string, string>>;

/** Folders that the files of clients are in. */
export interface ClientPlaces {
  cwd: string;
  /** `~` */
  home: string;
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
}

/** The formats of clients' files. `text` is a file that mcpctl alone writes, as a whole. */
export type FileFormat = "json" | "toml" | "yaml" | "text";

/** A value in a client's file. Undefined takes it out, because the client would prefer it to the others. */
export interface Setting {
  /** The keys that lead to it; `=NAME` is the entry of a list whose `name` it is. */
  path: readonly string[];
  value: unknown;
}

/** Values in one file of a client. */
export interface FileSettings {
  file: string;
  format: FileFormat;
  settings: readonly Setting[];
  /** The text that a new file begins with. */
  newFile?: string;
}

/** A model of the server, and the way to it. */
export interface ModelAccess {
  /** The address of the server, without `/v1`. */
  url: string;
  /** The name that calls use: of an llm, a pool, an alias or a persona. */
  model: string;
  token: string;
  /** The file that holds the token and nothing else. */
  tokenFile: string;
  /** A file beside that of the token, for a client without a place for its settings. */
  ownFile: string;
  /** Tokens of its context, as far as it is known. */
  context?: number;
}

/** The way in which a client uses a model of the server. */
export interface ModelUse {
  /** The API that it calls. */
  dialect: InferenceDialect;
  /** The values in its own files. A client that has none is given a text to copy. */
  files?(access: ModelAccess, places: ClientPlaces): readonly FileSettings[];
  /** A text to copy: a command line, a program, or what has to be typed into a window. */
  snippet?(access: ModelAccess): string;
  /** The next thing that the user does. */
  next(access: ModelAccess): string;
  /** Variables that the client prefers to its file, where they are set. */
  overriddenBy?: readonly string[];
}

/** The way in which a client uses the MCP servers of a project: an entry in its own file. */
export interface McpUse {
  format: Exclude<FileFormat, "text">;
  /** The path in the file to the entries of servers. */
  section: readonly string[];
  /** The entries are a list, and each has its name in it. */
  isList?: true;
  /** The text that a new file begins with. */
  newFile?: string;
  /** The files of a folder, the most usual first: one that is there is taken. None if it has no such file. */
  folderFiles: readonly string[];
  userFile(places: ClientPlaces): string;
  /** Returns the reason for which it does not take a name of an entry. Letters, digits, - and _ are checked before. */
  nameFault?(name: string): string | undefined;
  /** The members of an entry that mcpctl writes. Others are the user's and stay. */
  members: readonly string[];
  /** The ways in which it gets at a token over HTTP. A client that cannot read a file starts `mcpctl mcp` instead. */
  tokens: readonly ("file" | "variable")[];
  http(url: string, token: TokenSource): ClientEntry;
  program(command: string, args: readonly string[]): ClientEntry;
  /** The next thing that the user does. */
  next: string;
}

/** The model and the project that `mcpctl run` lets a program use. Its token is in the variable MCPCTL_TOKEN. */
export interface LaunchAccess {
  url: string;
  model: string;
  context?: number;
  project?: string;
}

/** The arguments and variables of one program, besides the variables that all programs get. */
export interface ClientLaunch {
  /** They stand before the user's own. */
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** A program that uses the server. */
export interface ConnectClient {
  /** Its name on the command line, and that of its executable. */
  name: string;
  title: string;
  /** The variable with a file of authorities that it trusts. Without one, it trusts those of the system. */
  caVariable?: "NODE_EXTRA_CA_CERTS" | "SSL_CERT_FILE" | "CODEX_CA_CERTIFICATE" | "CURL_CA_BUNDLE";
  models?: ModelUse;
  mcp?: McpUse;
  launch?(access: LaunchAccess): ClientLaunch;
}

/** Returns the value of a header. */
export const bearer = (words: string) => ({ Authorization: `Bearer ${words}` });

/** The entry of a program in the form that most clients have. */
export const commandAndArgs = (command: string, args: readonly string[]) => ({ command, args });

/** Returns a path as a word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
