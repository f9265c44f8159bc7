import { type EndSignal, nativeSignal } from "../../../end-signal.ts";
import type { RpcNotification } from "../../../mcp/messages.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import { type ReadListing, readListing } from "../../../mcp/upstream/listing.ts";
import type { Outbound } from "../../../net/outbound.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { hasUserKeys } from "../../core/catalogue/user-keys.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { AccessTokens } from "../authorization/access-tokens.ts";
import { keyNeeded, type UserKeys } from "../authorization/user-keys.ts";
import type { ReadSecret } from "../types.ts";
import { connect, type McpConnection } from "./connection.ts";
import type { FairQueue } from "./fair-queue.ts";
import type { InstanceLog } from "./logs/instance-log.ts";
import type { Programs } from "./programs.ts";
import { readValues } from "./server-values.ts";

/** Programs that take longer to start do not hold up others. Milliseconds. */
const longestSpawn = 10_000;

/** The parts of mcpctl that a start needs. */
export interface StartServices {
  catalogue: Catalogue;
  outbound: Outbound;
  readSecret: ReadSecret;
  programs: Programs | undefined;
  /** The access tokens for servers elsewhere. */
  tokens: AccessTokens;
  /** The keys that users give for their own calls. */
  userKeys: UserKeys;
  /** Lets few programs start at a time. */
  spawns: FairQueue;
}

export interface InstanceStart {
  server: McpServerRow;
  instance: { id: string; log: InstanceLog };
  /** The user whose calls it is for; "" for one that users share. */
  userId: string;
  /** The name of the program's own folder among those of its server. */
  folder: string;
  /** The revision that it is taken to speak, so that nothing has to be tried. */
  revision: string | undefined;
  signal: EndSignal;
  onNotification(notification: RpcNotification): void;
  onClose(reason: Error): void;
}

/**
 * Starts an instance of a server and lists what it has. Calls wait for the lists: a program that was changed while it was
 * stopped must not be called as the one that was approved.
 *
 * @throws StartProblem, AppError, McpFailure, RpcError; nothing of it runs then
 */
export async function openInstance(
  services: StartServices,
  options: InstanceStart,
): Promise<{ connection: McpConnection; listing: ReadListing }> {
  const { server, instance } = options;
  const userKeys = await services.userKeys.read(server, options.userId);
  const values = await readValues(server, services.catalogue.snapshot, services.readSecret, userKeys);
  const { log } = instance;
  log.hide(values.secret);
  const hasKeys = hasUserKeys(server.spec);
  // A header of its own takes the place of a login, and so do the keys of users.
  const hasLogin = server.spec.url !== undefined && values.headers["authorization"] === undefined && !hasKeys;
  const { tokens } = services;
  const source = hasLogin
    ? tokens.sourceFor(server, options.userId, (token) => log.hide([...values.secret, token]))
    : undefined;
  const isProgram = server.spec.url === undefined;
  const leave = isProgram ? await spawnTurn(services.spawns, server.id, options.signal) : () => {};
  const longest = server.spec.startSeconds * 1000;
  const late = AbortSignal.timeout(longest);
  const signal = nativeSignal(options.signal, late);
  try {
    const target = { ...services, ...options, instanceId: instance.id, log, values, signal, source };
    const connection = await connect(target);
    try {
      connection.upstream.listen();
      const listing = await readListing(connection.upstream, longest, signal);
      services.programs?.noteStarted(server, options.folder);
      if (source) await tokens.worked(server, options.userId);
      return { connection, listing };
    } catch (error) {
      await connection.close();
      throw error;
    }
  } catch (cause) {
    const error = late.aborted ? tooLate(server, cause) : cause;
    if (hasKeys && error instanceof McpFailure && (error.status === 401 || error.status === 403))
      throw keyNeeded(server, `it refuses your key with status ${error.status}`);
    if (!(error instanceof McpFailure) || !["closed", "timeout"].includes(error.kind)) throw error;
    const fault = await services.programs?.runtimeFault(server, options.folder, instance.log.lastLines);
    throw fault === undefined
      ? error
      : new McpFailure(error.kind, `${fault}; ${error.message}`, { cause: error });
  } finally {
    leave();
  }
}

function tooLate({ spec }: McpServerRow, cause: unknown): McpFailure {
  return new McpFailure("timeout", `it did not start within startSeconds (${spec.startSeconds} s)`, {
    cause,
  });
}

/** Waits until a program may be started. Returns a function that lets the next one start. */
async function spawnTurn(spawns: FairQueue, serverId: string, signal: EndSignal): Promise<() => void> {
  // The queue knows callers alone; here it is the start that is given up, and those who wait for it have not left.
  await spawns.enter(serverId, signal).catch((cause) => {
    throw signal.aborted ? new McpFailure("cancelled", "the start was cancelled", { cause }) : cause;
  });
  let isOver = false;
  const leave = () => {
    clearTimeout(timer);
    if (!isOver) spawns.leave();
    isOver = true;
  };
  const timer = setTimeout(leave, longestSpawn);
  return leave;
}
