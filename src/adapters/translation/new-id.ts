import { randomUUID } from "node:crypto";

/** Returns 24 characters of an id that nobody else has: digits and lower-case letters. */
export type NewId = () => string;

const length = 24;

export const randomId: NewId = () => randomUUID().replaceAll("-", "").slice(-length);
