import { Type } from "@sinclair/typebox";
import type { BackendModule, Driver, DriverOptions, LoginDriver } from "../../src/backends/types.ts";
import { AppError } from "../../src/errors.ts";
import { SecretKeyRef } from "../../src/kinds/define.ts";
import { defineBackendType } from "../../src/kinds/secret-backends/define.ts";

/** A type of secret backend for tests: values in memory, behind a password. */
export const shelf = defineBackendType({
  name: "shelf",
  display: "Shelf",
  summary: "in the memory of the test",
  config: Type.Object(
    {
      room: Type.String({ minLength: 1, description: "The room it stands in" }),
      height: Type.Integer({ default: 3, description: "The number of boards" }),
      url: Type.Optional(Type.String({ description: "The page that shows it" })),
      password: Type.Optional(
        Type.Object(SecretKeyRef.properties, { description: "The secret that opens it" }),
      ),
    },
    { additionalProperties: false },
  ),
  flags: {
    room: { field: "room", description: "the room it stands in" },
    url: { field: "url", description: "the page that shows it" },
    password: { field: "password", parse: "ref", description: "the secret that opens it" },
  },
  commands: [["mcpctl create secretbackend oak --type shelf --room attic", "a shelf"]],
  describe: ({ room }) => ({ room: `the ${room}` }),
  login: {
    credentialOf({ password }) {
      return password ? { path: "/password", ...(password as { name: string; key: string }) } : undefined;
    },
    destinationOf: ({ room }) => room,
    isAmbient: () => false,
    canRotate: ({ password }) => password !== undefined,
  },
  setUp: {
    summary: "have a password made",
    fills: "password",
    loginWith: (ref) => ref,
    describe: ({ lock }) => `The shelf has the lock '${lock}'.`,
  },
});

interface Room {
  values: Map<string, Record<string, string>>;
  passwords: Set<string>;
  minted: number;
}

/** The rooms of the test, by name. */
const rooms = new Map<string, Room>();

/** Returns the room of a name. A new one opens with "open sesame". */
export function roomNamed(name: string): Room {
  const room = rooms.get(name) ?? { values: new Map(), passwords: new Set(["open sesame"]), minted: 0 };
  rooms.set(name, room);
  return room;
}

function newPassword(room: Room): string {
  const password = `password-${++room.minted}`;
  room.passwords.add(password);
  return password;
}

function shelfDriver({ name, config, credential }: DriverOptions): LoginDriver {
  const room = roomNamed(config["room"] as string);
  const opened = async () => {
    if (room.passwords.has(await credential())) return room.values;
    throw new AppError("secret_unavailable", `secret backend "${name}": the password is wrong`);
  };
  const driver: Driver = {
    read: async (ref) => (await opened()).get(ref) ?? null,
    write: async (ref, data) => void (await opened()).set(ref, { ...data }),
    delete: async (ref) => void (await opened()).delete(ref),
    list: async () => [...(await opened()).keys()],
    health: () =>
      opened().then(
        () => ({ status: "healthy" }),
        (error: AppError) => ({ status: "error", reason: error.message }),
      ),
  };
  const login = {
    forget() {},
    mint: async () => newPassword(room),
    prove: async () => {},
    revoke: async (password: string) => void room.passwords.delete(password),
  };
  return { ...driver, login };
}

export const shelfModule = {
  make: shelfDriver,
  checkConfig: ({ room }) => (room === "cellar" ? [{ path: "/config/room", message: "is flooded" }] : []),
  async setUp({ config, adminToken }) {
    const room = roomNamed(config["room"] as string);
    if (adminToken !== "master-key") throw new AppError("invalid_request", "the admin token opens nothing");
    const credential = newPassword(room);
    return {
      credential,
      made: { lock: `lock-${credential}` },
      revoke: async () => void room.passwords.delete(credential),
    };
  },
} satisfies BackendModule;
